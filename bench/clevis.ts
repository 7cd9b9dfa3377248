/** Clevis: Debian's clevis with its tang on this machine, to stand beside ours; and programs that it and we start. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLuks } from "../src/adapters/luks/luks.ts";
import { systemWait } from "../src/agent/agent.ts";
import { Secret } from "../src/base/secret.ts";
import { systemRandom } from "../src/crypto/random.ts";

const SIZE = 20 * 1024 * 1024;

const has = (program: string): boolean => spawnSync("which", [program], { stdio: "ignore" }).status === 0;

/** @param use - Gets how to let `clevis luks pass` print the key of a volume; `null` where they are not installed. */
export async function withClevis<T>(use: (pass: (() => Promise<void>) | null) => Promise<T>): Promise<T> {
  if (!["clevis", "clevis-luks-pass", "jose", "socat", "/usr/libexec/tangd"].every(has))
    return await use(null);
  const folder = mkdtempSync(join(tmpdir(), "keyward-bench-"));
  let tang: ChildProcess | undefined;
  try {
    const [db, device] = [join(folder, "db"), join(folder, "disk.img")];
    mkdirSync(db);
    execFileSync("/usr/libexec/tangd-keygen", [db], { stdio: "ignore" });
    const port = await freePort();
    const words = [`TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr`, `EXEC:"/usr/libexec/tangd ${db}"`];
    tang = spawn("socat", words, { stdio: "ignore" });
    await reachable(port);
    // In digits: clevis takes it for a line of text.
    using key = Secret.fromText(Buffer.from(systemRandom(32)).toString("hex"));
    writeFileSync(device, "");
    truncateSync(device, SIZE);
    await createLuks().format(device, key);
    const config = JSON.stringify({ url: `http://127.0.0.1:${port}` });
    execFileSync("clevis", ["luks", "bind", "-y", "-k", "-", "-d", device, "tang", config], {
      input: key.reveal(),
      stdio: ["pipe", "ignore", "pipe"],
    });
    return await use(async () => {
      const { status } = await ran("clevis", ["luks", "pass", "-d", device, "-s", "1"]);
      if (status !== 0) throw new Error("clevis gave no key");
    });
  } finally {
    tang?.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A server in this process can answer it meanwhile. */
export function ran(program: string, words: readonly string[]): Promise<{ status: number; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr.on("data", (part) => (said += part));
    child.on("error", reject).on("close", (status) => resolve({ status: status ?? -1, said }));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function reachable(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const there = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      }).on("error", () => resolve(false));
    });
    if (there) return;
    await systemWait(50 as never, new AbortController().signal);
  }
  throw new Error("tang does not listen");
}
