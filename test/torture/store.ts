/** The torture of the SQLite store: its child, and the reading back. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { openSqlite } from "../../src/store/sqlite/sqlite.ts";
import { type Ack, parseAck, verifyActs } from "./acts.ts";
import type { TortureChild } from "./rounds.ts";

const program = join(import.meta.dirname, "store-child.ts");

export function startStoreChild(directory: string): TortureChild<Ack> {
  const child = spawn(process.execPath, [program, directory], { stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let complaint = "";
  const closed = once(child, "close");
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const died = (): Error => new Error(`the child ended by itself: ${complaint}`);
  const ready = Promise.race([
    once(child.stdout, "data").then(() => undefined),
    closed.then(() => Promise.reject(died())),
  ]);
  ready.catch(() => {});
  return {
    ready,
    async kill() {
      child.kill("SIGKILL");
      await closed;
      if (child.signalCode !== "SIGKILL") throw died();
      return out.split(/(?<=\n)/).flatMap((line) => parseAck(line) ?? []);
    },
  };
}

export async function verifyStore(directory: string, acknowledged: readonly Ack[]): Promise<void> {
  const store = await openSqlite({ directory });
  try {
    await verifyActs(store, acknowledged);
  } finally {
    await store.close();
  }
}
