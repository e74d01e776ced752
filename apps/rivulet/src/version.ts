import packageFile from "../package.json" with { type: "json" };

/** Rivulet's own version. What it tells peers on the wire is another number: `COMPATIBILITY_VERSION`. */
export const VERSION: string = packageFile.version;
