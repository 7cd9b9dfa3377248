/** A process that opens the store in the directory of its one argument, commits, and stays until it is killed. */
import { openSqlite } from "../../src/store/sqlite/sqlite.ts";

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error("usage: store-holder.ts DIRECTORY");
const store = await openSqlite({ directory });
for (let i = 0; i < 12; i++) {
  const value = new Uint8Array(200).fill(65 + i);
  await store.commit({
    compare: [],
    write: [
      { kind: "put", key: `held/${i}`, value },
      { kind: "delete", key: `held/${i - 5}` },
    ],
  });
}
process.stdout.write("open\n");
setInterval(() => {}, 60_000);
