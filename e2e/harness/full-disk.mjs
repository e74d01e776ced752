// Loaded before a node whose disk a test fills: on SIGUSR2 its databases may grow no more, and on the next one they may.
import { DatabaseSync } from "node:sqlite";

const MOST_PAGES = 0xffff_fffe;
const databases = new Set();
const { exec } = DatabaseSync.prototype;
DatabaseSync.prototype.exec = function (sql) {
  databases.add(this);
  return exec.call(this, sql);
};
let isFull = false;
process.on("SIGUSR2", () => {
  isFull = !isFull;
  // One page is less than there are: the limit becomes what there is.
  for (const database of databases)
    if (database.isOpen) exec.call(database, `pragma max_page_count = ${isFull ? 1 : MOST_PAGES}`);
});
