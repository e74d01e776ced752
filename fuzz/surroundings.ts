/** A world with nothing in it but one file. */
export function surroundingsWith(name: string, content: string) {
  return {
    env: {},
    readText: (path: string) => {
      if (path === name) return content;
      throw new Error("there is no such file");
    },
    resolvePath: (path: string) => path,
  };
}
