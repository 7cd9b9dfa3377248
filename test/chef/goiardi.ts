/** A real Chef server for tests: goiardi from Debian's packages, in memory, which checks every signature. */
import { type ChildProcess, spawn } from "node:child_process";
import { createPrivateKey, type KeyObject } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface Goiardi {
  readonly url: string;
  /** May do everything. */
  readonly user: "admin";
  readonly key: KeyObject;
  /** PEM, for programs that want a file. */
  readonly keyFile: string;
  stop(): Promise<void>;
}

export async function startGoiardi(): Promise<Goiardi> {
  const folder = mkdtempSync(join(tmpdir(), "goiardi-"));
  const port = await freePort();
  const child = spawn(
    "goiardi",
    [
      "--use-auth",
      `--port=${port}`,
      "--ipaddress=127.0.0.1",
      `--conf-root=${folder}`,
      "--obj-max-size=67108864",
    ],
    { cwd: folder, stdio: "ignore" },
  );
  const keyFile = join(folder, "admin.pem");
  try {
    for (let i = 0; !(existsSync(keyFile) && (await answers(port))); i++) {
      if (i > 600 || child.exitCode !== null) throw new Error("goiardi does not start");
      await sleep(50);
    }
  } catch (error) {
    await stop(child, folder);
    throw error;
  }
  const key = createPrivateKey(readFileSync(keyFile));
  return { url: `http://127.0.0.1:${port}`, user: "admin", key, keyFile, stop: () => stop(child, folder) };
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.kill("SIGKILL"))
    await new Promise((resolve) => child.once("exit", resolve));
  rmSync(folder, { recursive: true, force: true });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false));
  });
}
