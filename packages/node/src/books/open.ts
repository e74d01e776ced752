import { existsSync } from "node:fs";
import { RivuletError } from "@rivulet/primitives";
import { Store, type StorePorts } from "@rivulet/store";
import { booksFile } from "../money/open-books.ts";

/** Opens a node's books to read them, at work or not. Throws "config.invalid" when there are none, and "store.*". */
export async function openBooksOf(dataDir: string, ports: StorePorts): Promise<Store> {
  const file = booksFile(dataDir);
  if (!existsSync(file)) {
    const message = `there is no ${file}: name the data directory of a node that has paid or was paid`;
    throw new RivuletError("config.invalid", { problems: [{ path: "-dataDir", message }] });
  }
  return await Store.open({ file, access: "read" }, ports);
}
