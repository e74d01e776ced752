/** An exact fraction in lowest terms with a positive denominator. Money before it is rounded. */
export class Rational {
  readonly numerator: bigint;
  readonly denominator: bigint;

  private constructor(numerator: bigint, denominator: bigint) {
    this.numerator = numerator;
    this.denominator = denominator;
  }

  /** `numerator / denominator`, reduced. Throws `RangeError` when the denominator is zero. */
  static of(numerator: bigint, denominator = 1n): Rational {
    if (denominator === 0n) throw new RangeError("a fraction cannot have denominator 0");
    const divisor = denominator < 0n ? -gcd(numerator, -denominator) : gcd(numerator, denominator);
    return divisor === 1n
      ? new Rational(numerator, denominator)
      : new Rational(numerator / divisor, denominator / divisor);
  }

  static readonly ZERO = Rational.of(0n);

  /** Reads what `toString` writes. Throws `RangeError` for anything else. */
  static parse(text: string): Rational {
    const [, numerator, denominator] = /^(-?\d+)(?:\/(\d+))?$/.exec(text) ?? [];
    if (numerator === undefined) throw new RangeError(`not a fraction: ${text}`);
    return Rational.of(BigInt(numerator), BigInt(denominator ?? 1));
  }

  plus(other: Rational): Rational {
    return this.#plus(other.numerator, other.denominator);
  }

  minus(other: Rational): Rational {
    return this.#plus(-other.numerator, other.denominator);
  }

  /**
   * Adds what is in lowest terms. All that can be divided out of the sum divides what the denominators share: nothing when
   * one of them is 1. Source: Knuth, The Art of Computer Programming, 4.5.1.
   */
  #plus(numerator: bigint, denominator: bigint): Rational {
    const shared = this.denominator === denominator ? denominator : gcd(this.denominator, denominator);
    const ours = this.denominator / shared;
    const sum = this.numerator * (denominator / shared) + numerator * ours;
    const divisor = gcd(sum, shared);
    return divisor === 1n
      ? new Rational(sum, ours * denominator)
      : new Rational(sum / divisor, ours * (denominator / divisor));
  }

  times(factor: bigint | Rational): Rational {
    const [numerator, denominator] = typeof factor === "bigint" ? [factor, 1n] : [factor.numerator, factor.denominator];
    // Both are in lowest terms: what can be divided out stands crosswise, in smaller numbers than the products.
    const [first, second] = [gcd(this.numerator, denominator), gcd(numerator, this.denominator)];
    return new Rational(
      (this.numerator / first) * (numerator / second),
      (this.denominator / second) * (denominator / first),
    );
  }

  /** Throws `RangeError` when `divisor` is zero. */
  dividedBy(divisor: Rational): Rational {
    return Rational.of(this.numerator * divisor.denominator, this.denominator * divisor.numerator);
  }

  /** Negative, zero or positive as this is less than, equal to or more than `other`. */
  compare(other: Rational): number {
    const isAlike = this.denominator === other.denominator;
    const left = isAlike ? this.numerator : this.numerator * other.denominator;
    const right = isAlike ? other.numerator : other.numerator * this.denominator;
    return left < right ? -1 : left > right ? 1 : 0;
  }

  /** The largest whole number not above this. */
  floor(): bigint {
    if (this.denominator === 1n) return this.numerator;
    const quotient = this.numerator / this.denominator;
    return this.numerator < 0n ? quotient - 1n : quotient;
  }

  /** The smallest whole number not below this. */
  ceil(): bigint {
    return this.denominator === 1n ? this.numerator : this.floor() + 1n;
  }

  /** Decimal text with `digits` digits after the point, rounded half away from zero: for people and headers. */
  toFixed(digits: number): string {
    const scale = 10n ** BigInt(digits);
    const size = this.numerator < 0n ? -this.numerator : this.numerator;
    const rounded = (2n * size * scale + this.denominator) / (2n * this.denominator);
    const sign = this.numerator < 0n && rounded > 0n ? "-" : "";
    const point = digits === 0 ? "" : `.${(rounded % scale).toString().padStart(digits, "0")}`;
    return `${sign}${rounded / scale}${point}`;
  }

  toString(): string {
    return this.denominator === 1n ? `${this.numerator}` : `${this.numerator}/${this.denominator}`;
  }
}

/** Below this, numbers divide without remainder of rounding, and ten times as fast as big ones. */
const SMALL = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * The greatest common divisor of any number and a positive one.
 *
 * What a ticket is worth has a power of two below the line, and prices have powers of ten: with the twos taken out at once,
 * little or nothing is left for Euclid.
 */
function gcd(numerator: bigint, denominator: bigint): bigint {
  if (denominator === 1n) return 1n;
  if (numerator === 0n) return denominator;
  let a = numerator < 0n ? -numerator : numerator;
  let b = denominator;
  const [twosOfA, twosOfB] = [a & -a, b & -b];
  const twos = twosOfA < twosOfB ? twosOfA : twosOfB;
  b /= twosOfB;
  if (b === 1n) return twos;
  a /= twosOfA;
  while (b > SMALL) [a, b] = [b, a % b];
  if (b === 0n) return a * twos;
  let [x, y] = [Number(b), Number(a % b)];
  while (y !== 0) [x, y] = [y, x % y];
  return BigInt(x) * twos;
}
