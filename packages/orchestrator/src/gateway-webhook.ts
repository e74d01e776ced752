import { type Address, checksumAddress } from "@rivulet/crypto";
import {
  type Clock,
  isError,
  type Milliseconds,
  minutes,
  ms,
  orAborted,
  Rational,
  RivuletError,
  readTextWithin,
  seconds,
} from "@rivulet/primitives";
import { type Dispatcher, request } from "undici";

/** Which gateways are told anything, and what they are asked for work that names no model. */
export interface Gateways {
  /** Throws "auth.rejected" for one that is not wanted, and "auth.unavailable" when nobody can say. */
  admit(gateway: Address, signal?: AbortSignal): Promise<void>;
  /** In place of the usual base price; only of a gateway that was admitted. */
  basePriceOf(gateway: Address): Rational | undefined;
}

/** How long a yes and its price count. Source: nodes-and-operations 1.11. */
const REMEMBERED: Milliseconds = minutes(30);
/** Without a limit a webhook that hangs would hold up every gateway that asks. */
const TIMEOUT: Milliseconds = seconds(5);
/** Answers in memory, 100 bytes each; the oldest go first. */
const MAX_REMEMBERED = 10_000;
/** Questions under way about gateways that were let in before, and as many about others: anybody can make up addresses. */
const MAX_ASKING = 64;
const MAX_ANSWER_BYTES = 16_384;

interface Answer {
  readonly basePrice: Rational | undefined;
  readonly until: Milliseconds;
}

/**
 * Asks an address of the operator about each gateway: `POST {"id": "0x…"}`. 200 lets it in, and may set its base price with
 * `{"priceInfo": {"pricePerUnit", "pixelsPerUnit"}}`; any other status does not. Source: nodes-and-operations 1.11.
 */
export class GatewayWebhook implements Gateways {
  readonly #url: string;
  readonly #clock: Clock;
  readonly #dispatcher: Dispatcher | undefined;
  readonly #answers = new Map<Address, Answer>();
  readonly #askingAgain = new Map<Address, Promise<void>>();
  readonly #askingFirst = new Map<Address, Promise<void>>();

  constructor(url: string, ports: { readonly clock: Clock; readonly dispatcher?: Dispatcher }) {
    this.#url = url;
    this.#clock = ports.clock;
    this.#dispatcher = ports.dispatcher;
  }

  async admit(gateway: Address, signal?: AbortSignal): Promise<void> {
    if (this.#find(gateway) !== undefined) return;
    const others = this.#answers.has(gateway) ? this.#askingAgain : this.#askingFirst;
    const asking = others.get(gateway) ?? this.#begin(gateway, others);
    await (signal === undefined ? asking : orAborted(asking, signal));
  }

  basePriceOf(gateway: Address): Rational | undefined {
    return this.#find(gateway)?.basePrice;
  }

  #find(gateway: Address): Answer | undefined {
    const answer = this.#answers.get(gateway);
    return answer !== undefined && answer.until > this.#clock.now() ? answer : undefined;
  }

  #begin(gateway: Address, others: Map<Address, Promise<void>>): Promise<void> {
    if (others.size >= MAX_ASKING)
      return Promise.reject(new RivuletError("auth.unavailable", { reason: "too many gateways ask at once" }));
    const asking = this.#ask(gateway).finally(() => others.delete(gateway));
    others.set(gateway, asking);
    return asking;
  }

  async #ask(gateway: Address): Promise<void> {
    try {
      const { statusCode, body } = await request(this.#url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ id: checksumAddress(gateway) }),
        signal: AbortSignal.timeout(TIMEOUT),
        ...(this.#dispatcher && { dispatcher: this.#dispatcher }),
      });
      if (statusCode !== 200) {
        await body.dump();
        throw new RivuletError("auth.rejected", { reason: `the price webhook answered ${statusCode}` });
      }
      this.#remember(gateway, basePriceIn(await readTextWithin(body, MAX_ANSWER_BYTES, tooLong)));
    } catch (cause) {
      if (isError(cause)) throw cause;
      throw new RivuletError("auth.unavailable", {}, { cause });
    }
  }

  #remember(gateway: Address, basePrice: Rational | undefined): void {
    this.#answers.delete(gateway);
    this.#answers.set(gateway, { basePrice, until: ms(this.#clock.now() + REMEMBERED) });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MAX_REMEMBERED) break;
      this.#answers.delete(oldest);
    }
  }
}

const tooLong = () => new RangeError("the answer is too long");

/** Throws "auth.unavailable" for a price that is none: to go on at another would be to guess what the operator meant. */
function basePriceIn(text: string): Rational | undefined {
  if (text.trim() === "") return undefined;
  const { priceInfo } = JSON.parse(text) ?? {};
  if (priceInfo === undefined || priceInfo === null) return undefined;
  const [price, units] = [priceInfo.pricePerUnit, priceInfo.pixelsPerUnit ?? 1];
  if (Number.isSafeInteger(price) && price >= 0 && Number.isSafeInteger(units) && units > 0)
    return Rational.of(BigInt(price), BigInt(units));
  throw new RivuletError("auth.unavailable", { reason: "the price webhook's answer has no price that can be read" });
}
