/** A text that ends where one of some others begins. What may be the beginning of one is held back until it is clear. */
export class StopTexts {
  readonly #stops: readonly string[];
  #held = "";
  /** Whether one of them came. Nothing after that is part of the text. */
  isFound = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** What is sure to be part of the text. */
  add(text: string): string {
    if (this.isFound) return "";
    this.#held += text;
    const places = this.#stops.map((stop) => this.#held.indexOf(stop)).filter((place) => place >= 0);
    this.isFound = places.length > 0;
    return this.#release(this.isFound ? Math.min(...places) : this.#held.length - this.#begun());
  }

  /** What was held back, for after it nothing comes. */
  end(): string {
    return this.isFound ? "" : this.#release(this.#held.length);
  }

  #release(length: number): string {
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return text;
  }

  /** How much of the end may be the beginning of one. */
  #begun(): number {
    return Math.max(0, ...this.#stops.map((stop) => begunOf(this.#held, stop)));
  }
}

function begunOf(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--)
    if (text.endsWith(stop.slice(0, length))) return length;
  return 0;
}
