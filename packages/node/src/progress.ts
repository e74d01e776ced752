import type { Clock } from "@rivulet/primitives";

/** Where progress is shown. */
export interface Screen {
  readonly isTTY: boolean;
  write(text: string): void;
}

/** What takes less than this is not worth a line. */
const NOTICEABLE_MS = 1000;
/** How often a terminal's line is drawn again. */
const REDRAW_MS = 250;

/** Tells of every step that takes longer than a second: what is waited for, and at last how long it took. */
export class ProgressLines {
  readonly #screen: Screen;
  readonly #clock: Clock;

  constructor(screen: Screen, clock: Clock) {
    this.#screen = screen;
    this.#clock = clock;
  }

  /** Runs one step. `detail` may say more about where the step stands. */
  async step<T>(name: string, work: () => Promise<T>, detail: () => string = () => ""): Promise<T> {
    const begin = this.#clock.monotonic();
    const elapsed = () => `${((this.#clock.monotonic() - begin) / 1000).toFixed(1)} s`;
    let shown = false;
    const draw = () => {
      if (this.#screen.isTTY) this.#screen.write(`\r\u001b[2K${name} … ${elapsed()} ${detail()}`);
      else if (!shown) this.#screen.write(`${name} …\n`);
      shown = true;
    };
    let redraw: NodeJS.Timeout | undefined;
    const first = setTimeout(() => {
      draw();
      if (this.#screen.isTTY) redraw = setInterval(draw, REDRAW_MS);
    }, NOTICEABLE_MS);
    try {
      const result = await work();
      if (shown) this.#screen.write(`${this.#screen.isTTY ? "\r\u001b[2K" : ""}${name}: ${elapsed()}\n`);
      return result;
    } catch (error) {
      if (shown && this.#screen.isTTY) this.#screen.write("\n");
      throw error;
    } finally {
      clearTimeout(first);
      clearInterval(redraw);
    }
  }
}
