/** JSON as the network's nodes write it: safe inside a page, with a line break at the end. */
export function networkJson(value: unknown): string {
  const json = JSON.stringify(value).replace(
    UNSAFE,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return `${json}\n`;
}

const UNSAFE = /[<>&\u2028\u2029]/g;
