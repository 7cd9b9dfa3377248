/** A real sshd for tests, on a port and with keys of its own; whoever runs the test logs in. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { Secret } from "../../src/base/secret.ts";

export interface Sshd {
  readonly port: number;
  readonly user: string;
  readonly folder: string;
  /** The line of its ed25519 host key. */
  readonly hostKey: string;
  /** What may log in. */
  readonly login: { readonly kind: "key"; readonly key: Secret };
  readonly keyFile: string;
  stop(): Promise<void>;
}

export interface SshdOptions {
  /** Lines added to its configuration. */
  readonly config?: readonly string[];
  /** Before the key in authorized_keys: `restrict,command="…"`. */
  readonly options?: string;
}

export async function startSshd({ config = [], options = "" }: SshdOptions = {}): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), "sshd-"));
  chmodSync(folder, 0o755);
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  keygen(join(folder, "host"));
  keygen(join(folder, "login"));
  const publicKey = readFileSync(join(folder, "login.pub"), "utf8");
  writeFileSync(join(folder, "authorized_keys"), options === "" ? publicKey : `${options} ${publicKey}`);
  const { child, port } = await listen(folder, [
    "ListenAddress 127.0.0.1",
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/authorized_keys`,
    `PidFile ${folder}/pid`,
    "StrictModes no",
    "UsePAM no",
    "PasswordAuthentication no",
    "PermitRootLogin prohibit-password",
    "MaxStartups 500:30:1000",
    ...(config.some((line) => line.startsWith("Subsystem")) ? [] : ["Subsystem sftp internal-sftp"]),
    ...config,
  ]);
  return {
    port,
    user: userInfo().username,
    folder,
    hostKey: readFileSync(join(folder, "host.pub"), "utf8").trim(),
    login: { kind: "key", key: Secret.take(readFileSync(join(folder, "login"))) },
    keyFile: join(folder, "login"),
    stop: () => stop(child, folder),
  };
}

/** On a port that nobody takes between our choice and its start; it says itself when it listens. */
async function listen(
  folder: string,
  lines: readonly string[],
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  for (let tries = 0; ; tries++) {
    const port = await freePort();
    const file = join(folder, "sshd_config");
    writeFileSync(file, `Port ${port}\n${lines.join("\n")}\n`);
    const child = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", file], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    const listens = await new Promise<boolean>((resolve) => {
      child.stderr.on("data", (chunk) => {
        said += String(chunk);
        if (said.includes("Server listening")) resolve(true);
      });
      child.once("close", () => resolve(false));
    });
    if (listens) return { child, port };
    if (tries === 5) throw new Error(`sshd does not start: ${said}`);
  }
}

export function keygen(file: string, ...words: readonly string[]): void {
  const { status, stderr } = spawnSync("ssh-keygen", [
    "-q",
    "-t",
    "ed25519",
    "-N",
    "",
    "-C",
    "test",
    "-f",
    file,
    ...words,
  ]);
  if (status !== 0) throw new Error(`ssh-keygen: ${stderr}`);
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGTERM");
    await new Promise((resolve) => child.once("exit", resolve));
  }
  rmSync(folder, { recursive: true, force: true });
}

export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}
