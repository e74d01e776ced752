/** Everything that moves a cursor, rings a bell or colours a terminal, and the ends of lines. */
const CONTROL = /[\p{Cc}\u2028\u2029]+/gu;

/** The beginning of what a peer said, as one line that is safe to show and to log. */
export function toldText(text: string, maxLength: number): string {
  return text.slice(0, maxLength).replace(CONTROL, " ").trim();
}
