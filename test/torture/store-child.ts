/** The program that is killed: 32 writers on the SQLite store in the directory of its one argument. */
import { randomBytes } from "node:crypto";
import { openSqlite } from "../../src/store/sqlite/sqlite.ts";
import { createTransact } from "../../src/store/transaction.ts";
import { formatAck, WRITERS, writeOne } from "./acts.ts";

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error("usage: store-child.ts DIRECTORY");
const store = await openSqlite({ directory, keepTombstones: 1000 });
const transact = createTransact(store);

async function writer(number: number): Promise<never> {
  for (;;) {
    const ack = await writeOne(transact, number, randomBytes(8).toString("hex"));
    // To a pipe this is synchronous: what is printed reaches the parent, whatever happens next.
    process.stdout.write(formatAck(ack));
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, number) => writer(number)));
