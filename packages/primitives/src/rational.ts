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

  plus(other: Rational): Rational {
    return Rational.of(
      this.numerator * other.denominator + other.numerator * this.denominator,
      this.denominator * other.denominator,
    );
  }

  times(factor: bigint | Rational): Rational {
    return typeof factor === "bigint"
      ? Rational.of(this.numerator * factor, this.denominator)
      : Rational.of(this.numerator * factor.numerator, this.denominator * factor.denominator);
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

  toString(): string {
    return this.denominator === 1n ? `${this.numerator}` : `${this.numerator}/${this.denominator}`;
  }
}

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a === 0n ? 1n : a;
}
