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
    const sign = denominator < 0n ? -1n : 1n;
    const divisor = gcd(numerator < 0n ? -numerator : numerator, denominator < 0n ? -denominator : denominator);
    return new Rational((sign * numerator) / divisor, (sign * denominator) / divisor);
  }

  static readonly ZERO = Rational.of(0n);

  /** Reads what `toString` writes. Throws `RangeError` for anything else. */
  static parse(text: string): Rational {
    const [, numerator, denominator] = /^(-?\d+)(?:\/(\d+))?$/.exec(text) ?? [];
    if (numerator === undefined) throw new RangeError(`not a fraction: ${text}`);
    return Rational.of(BigInt(numerator), BigInt(denominator ?? 1));
  }

  plus(other: Rational): Rational {
    // Whole numbers and sums of like parts are most of what is added; the first needs no divisor at all.
    if (this.denominator === other.denominator) {
      const sum = this.numerator + other.numerator;
      return this.denominator === 1n ? new Rational(sum, 1n) : Rational.of(sum, this.denominator);
    }
    return Rational.of(
      this.numerator * other.denominator + other.numerator * this.denominator,
      this.denominator * other.denominator,
    );
  }

  minus(other: Rational): Rational {
    return this.plus(new Rational(-other.numerator, other.denominator));
  }

  times(factor: bigint | Rational): Rational {
    return typeof factor === "bigint"
      ? Rational.of(this.numerator * factor, this.denominator)
      : Rational.of(this.numerator * factor.numerator, this.denominator * factor.denominator);
  }

  /** Throws `RangeError` when `divisor` is zero. */
  dividedBy(divisor: Rational): Rational {
    return Rational.of(this.numerator * divisor.denominator, this.denominator * divisor.numerator);
  }

  /** Negative, zero or positive as this is less than, equal to or more than `other`. */
  compare(other: Rational): number {
    const difference = this.numerator * other.denominator - other.numerator * this.denominator;
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }

  /** The largest whole number not above this. */
  floor(): bigint {
    const quotient = this.numerator / this.denominator;
    return this.numerator < 0n && this.numerator % this.denominator !== 0n ? quotient - 1n : quotient;
  }

  /** The smallest whole number not below this. */
  ceil(): bigint {
    return -Rational.of(-this.numerator, this.denominator).floor();
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

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a === 0n ? 1n : a;
}
