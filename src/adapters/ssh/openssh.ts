/**
 * By OpenSSH's own program: certificates of users and of hosts, jump hosts, hardware keys in an agent, and whatever key
 * exchange it knows. No configuration is read but one that is named, nobody is asked anything, and the program's own
 * words decide only which error it was.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { KeywardError } from "../../base/errors.ts";
import type { DurationMs } from "../../base/time.ts";
import { parsePublicLine } from "../../formats/openssh/openssh.ts";
import type { SshTarget } from "../../model/remote-host.ts";
import { type Conversation, converse } from "../process.ts";
import type { Link, OpenLink, Run } from "./link.ts";
import { type OwnAgent, startOwnAgent } from "./own-agent.ts";
import { foreignKey, nameOf, noHostKey } from "./ssh2.ts";

export interface OpenSshOptions {
  /** `ssh` unless given. */
  readonly program?: string;
  /** A configuration of OpenSSH, for jump hosts: `ProxyJump`, and what is to be known of those. */
  readonly config?: string;
  /** Further options, `-o NAME=VALUE` each: `KexAlgorithms=…`. */
  readonly options?: readonly string[];
}

export function createOpenByOpenSsh({
  program = "ssh",
  config = "none",
  options = [],
}: OpenSshOptions = {}): OpenLink {
  return async (target, login, deadline) => {
    const what = nameOf(target);
    assertTarget(target, what);
    const folder = mkdtempSync(join(tmpdir(), "keyward-ssh-"));
    let agent: OwnAgent | null = null;
    const clear = (): void => {
      agent?.close();
      rmSync(folder, { recursive: true, force: true });
    };
    try {
      const socket = login.kind === "agent" ? login.socket : join(folder, "agent");
      if (login.kind === "key") agent = await startOwnAgent(socket, login.key, login.certificate);
      writeFileSync(join(folder, "known_hosts"), knownHosts(target, what), { mode: 0o600, flag: "wx" });
      const words = [
        program,
        "-F",
        config,
        ...argumentsFor(target, folder, socket, deadline),
        ...options.flatMap((one) => ["-o", one]),
      ];
      const start = (...rest: readonly string[]): Conversation => {
        // for a jump host too, whose own ssh has none of these words
        const started = converse([...words, ...rest], { SSH_AUTH_SOCK: socket });
        if ("stream" in started) return started;
        throw new KeywardError("local", `cannot start ${program}`, { hint: "install openssh-client" });
      };
      return await connect({ start, target, what, deadline, clear });
    } catch (error) {
      clear();
      throw error;
    }
  };
}

interface Parts {
  readonly start: (...rest: readonly string[]) => Conversation;
  readonly target: SshTarget;
  readonly what: string;
  readonly deadline: DurationMs;
  readonly clear: () => void;
}

/** The first connection carries all that comes later. */
async function connect({ start, target, what, deadline, clear }: Parts): Promise<Link> {
  const first = start("-s", "--", target.address, "sftp");
  const fingerprint = await login(first, what, deadline).catch((error: unknown) => {
    first.kill();
    throw error;
  });
  return {
    fingerprint,
    user: target.user,
    fileServer: async () => first.stream,
    async execute(command, input, limit) {
      const talk = start("--", target.address, command);
      talk.words.resume();
      return await collect(talk, input, limit);
    },
    close() {
      first.kill();
      clear();
    },
  };
}

function argumentsFor(target: SshTarget, folder: string, agent: string, deadline: DurationMs): string[] {
  const settings = {
    BatchMode: "yes",
    StrictHostKeyChecking: "yes",
    UserKnownHostsFile: join(folder, "known_hosts"),
    GlobalKnownHostsFile: "/dev/null",
    UpdateHostKeys: "no",
    IdentityAgent: agent,
    IdentityFile: "none",
    PreferredAuthentications: "publickey",
    ConnectTimeout: String(Math.ceil(deadline / 1000)),
    ServerAliveInterval: "15",
    ControlMaster: "auto",
    ControlPath: join(folder, "control"),
    ControlPersist: "no",
    ForwardAgent: "no",
    ClearAllForwardings: "yes",
    EscapeChar: "none",
    LogLevel: "DEBUG1",
  };
  return [
    "-T",
    ...Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
    "-p",
    String(target.port),
    "-l",
    target.user,
  ];
}

/** What would be read as an option, or as more than one host, is refused, though `--` stands before it. */
function assertTarget({ address, user, hostKeys, hostCas }: SshTarget, what: string): void {
  const safe = /^[A-Za-z0-9_:[\]][A-Za-z0-9_.:%[\]-]{0,254}$/;
  if (!safe.test(address) || !safe.test(user))
    throw new KeywardError("usage", `${what}: want a plain name or address, and a plain user name`);
  if (hostKeys.length + hostCas.length === 0) throw noHostKey(what);
}

function knownHosts({ address, port, hostKeys, hostCas }: SshTarget, what: string): string {
  const host = port === 22 ? address : `[${address}]:${port}`;
  const line = (key: string): string => {
    parsePublicLine(key, `${what}: its host key`);
    return `${host} ${key}\n`;
  };
  return [...hostKeys.map(line), ...hostCas.map((key) => `@cert-authority ${line(key)}`)].join("");
}

/** @returns The fingerprint of the key that the host showed, once it has let us in. */
function login({ words, ended }: Conversation, what: string, deadline: DurationMs): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const timer = setTimeout(
      () => reject(new KeywardError("timeout", `${what}: no login in time`)),
      deadline,
    );
    const shown = (): string =>
      /Server host (?:key|certificate): \S+ (SHA256:[A-Za-z0-9+/]+)/.exec(said)?.[1] ?? "";
    const read = (chunk: Buffer): void => {
      said = (said + String(chunk)).slice(-65_536);
      if (!/^Authenticated to /m.test(said)) return;
      clearTimeout(timer);
      drain(words, read);
      resolve(shown());
    };
    words.on("data", read);
    void ended.then(() => {
      clearTimeout(timer);
      reject(failure(what, said, shown()));
    });
  });
}

function drain(words: Readable, read: (chunk: Buffer) => void): void {
  words.off("data", read);
  words.resume();
}

function failure(what: string, said: string, shown: string): KeywardError {
  if (/Host key verification failed|IDENTIFICATION HAS CHANGED/.test(said))
    return foreignKey(what, shown || "unknown");
  if (/Permission denied/.test(said))
    return new KeywardError("denied", `${what}: does not let us in`, {
      hint: "put the pushing key into the user's authorized_keys: keyward ssh authorize",
    });
  if (/timed out/.test(said)) return new KeywardError("timeout", `${what}: no login in time`);
  return new KeywardError("unreachable", `${what}: no connection`);
}

async function collect({ stream, ended }: Conversation, input: Uint8Array, limit: number): Promise<Run> {
  const chunks: Buffer[] = [];
  let left = limit;
  stream.on("data", (chunk: Buffer) => {
    if (left > 0) chunks.push(chunk.subarray(0, left));
    left -= chunk.byteLength;
  });
  stream.on("error", () => {});
  stream.end(input);
  const end = await ended;
  return { status: end.kind === "exited" ? end.status : null, stdout: Buffer.concat(chunks) };
}
