/** Runs a script's lines, each against the program as it is built, in a directory of its own. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type FakeKms, startFakeKms } from "../kms/fake-kms.ts";
import { type Sshd, startSshd } from "../ssh/sshd.ts";
import { expand, type Line, type Script } from "./script.ts";

export interface Build {
  readonly name: string;
  /** What `keyward` is. */
  readonly program: string;
  /** What `server` starts: the executable has none. */
  readonly server: string;
}

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Milliseconds. */
const PATIENCE = 15_000;

export async function runScript(script: Script, build: Build): Promise<void> {
  const run = new ScriptRun(script, build);
  try {
    for (const line of script.lines) await run.line(line);
  } finally {
    await run.end();
  }
}

class ScriptRun {
  readonly #build: Build;
  readonly #cwd: string;
  readonly #names = new Map<string, string>();
  readonly #running = new Map<string, ChildProcess>();
  readonly #env: Record<string, string>;
  #kms: FakeKms | null = null;
  #sshd: Sshd | null = null;
  #last: Ended = { status: 0, stdout: "", stderr: "" };

  constructor(script: Script, build: Build) {
    this.#build = build;
    this.#cwd = mkdtempSync(path.join(tmpdir(), "keyward-script-"));
    this.#names.set("WORK", this.#cwd);
    mkdirSync(this.#at("home"));
    this.#env = { PATH: process.env.PATH ?? "", HOME: this.#at("home"), NODE_OPTIONS: "" };
    for (const [name, content] of script.files) {
      mkdirSync(path.dirname(this.#at(name)), { recursive: true });
      writeFileSync(this.#at(name), content);
    }
  }

  #at(name: string): string {
    return path.resolve(this.#cwd, name);
  }

  async line(line: Line): Promise<void> {
    const words = line.words.map((word) => expand(word, this.#names));
    try {
      if (line.waits) await this.#until(() => this.#statement(line, words));
      else await this.#statement(line, words);
    } catch (error) {
      const { status, stdout, stderr } = this.#last;
      const last = `last status ${status}\n── stdout\n${stdout}── stderr\n${stderr}${this.#logs()}`;
      throw new Error(`line ${line.number}: ${line.text}\n${(error as Error).message}\n${last}`);
    }
  }

  async #until(statement: () => Promise<void>): Promise<void> {
    const end = Date.now() + PATIENCE;
    for (;;) {
      try {
        await statement();
        return;
      } catch (error) {
        if (Date.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async #statement({ negated }: Line, [verb = "", ...words]: readonly string[]): Promise<void> {
    const [first = "", second = ""] = words;
    const holds = (is: boolean, otherwise: string): void => assert.ok(is !== negated, otherwise);
    switch (verb) {
      case "keyward":
        this.#last = await this.#keyward(words);
        return holds(this.#last.status === 0, `ended with ${this.#last.status}`);
      case "exit":
        return assert.equal(this.#last.status, Number(first));
      case "stdout":
      case "stderr":
        return holds(
          new RegExp(first, "m").test(this.#last[verb]),
          `${verb} ${negated ? "matches" : "does not match"}`,
        );
      case "exists":
        return holds(existsSync(this.#at(first)), negated ? "it exists" : "it does not exist");
      case "cmp":
        return holds(
          this.#content(first) === this.#content(second),
          `content is ${negated ? "the same" : "different"}`,
        );
      case "grep":
        return holds(
          new RegExp(first, "m").test(this.#content(second)),
          `${negated ? "matches" : "no match"}`,
        );
      case "mode":
        return assert.equal((statSync(this.#at(second)).mode & 0o7777).toString(8).padStart(4, "0"), first);
      case "keep":
        return this.#keep(first, second);
      case "env":
        return this.#setEnv(first);
      case "mkdir":
        return void mkdirSync(this.#at(first), { recursive: true, mode: 0o700 });
      case "cp":
        return cpSync(this.#at(first), this.#at(second));
      case "rm":
        return rmSync(this.#at(first), { recursive: true });
      case "chmod":
        return chmodSync(this.#at(second), Number.parseInt(first, 8));
      case "kms":
        return await this.#keyService(first);
      case "sshd":
        return await this.#secureShell(second);
      case "server":
        return await this.#server(words);
      case "agent":
        return this.#agent(words);
      case "stop":
        return await this.#stop(first);
      case "signal":
        return void this.#child(first).kill(second as NodeJS.Signals);
    }
    throw new Error(`no statement ${verb}`);
  }

  #content(name: string): string {
    return name === "stdout" ? this.#last.stdout : readFileSync(this.#at(name), "latin1");
  }

  #keep(name: string, regex: string): void {
    const found = new RegExp(regex, "m").exec(this.#last.stdout)?.[1];
    assert.ok(found !== undefined, "stdout does not match");
    this.#names.set(name, found);
  }

  #setEnv(pair: string): void {
    const at = pair.indexOf("=");
    this.#env[pair.slice(0, at)] = pair.slice(at + 1);
  }

  async #keyward(words: readonly string[]): Promise<Ended> {
    const { args, stdin, stdout } = redirected(words);
    const input = openSync(stdin === null ? "/dev/null" : this.#at(stdin), "r");
    try {
      const child = spawn(this.#build.program, args, {
        cwd: this.#cwd,
        env: this.#env,
        stdio: [input, "pipe", "pipe"],
      });
      const ended = await endOf(child);
      if (stdout !== null) writeFileSync(this.#at(stdout), ended.stdout, "latin1");
      return ended;
    } finally {
      closeSync(input);
    }
  }

  /** In the background, with its output in NAME.log. */
  #start(name: string, program: string, args: readonly string[]): void {
    const log = openSync(this.#at(`${name}.log`), "a");
    const child = spawn(program, args, { cwd: this.#cwd, env: this.#env, stdio: ["ignore", log, log] });
    closeSync(log);
    this.#running.set(name, child);
  }

  async #keyService(change: string): Promise<void> {
    if (this.#kms === null) {
      this.#kms = await startFakeKms();
      const { region, account, endpoint, service } = this.#kms;
      this.#names.set("KMS_KEY", service.createKey());
      Object.assign(this.#env, {
        AWS_REGION: region,
        AWS_ENDPOINT_URL: endpoint,
        AWS_ACCESS_KEY_ID: account.accessKeyId,
        AWS_SECRET_ACCESS_KEY: account.secretAccessKey,
      });
    }
    this.#kms.away = change === "away";
  }

  async #secureShell(allowed: string): Promise<void> {
    if (this.#sshd === null) {
      this.#sshd = await startSshd();
      const { port, user, hostKey } = this.#sshd;
      for (const [name, value] of Object.entries({ PORT: String(port), USER: user, KEY: hostKey }))
        this.#names.set(`SSHD_${name}`, value);
    }
    if (allowed !== "")
      appendFileSync(path.join(this.#sshd.folder, "authorized_keys"), readFileSync(this.#at(allowed)));
  }

  async #server(words: readonly string[]): Promise<void> {
    this.#start("server", this.#build.server, ["server", "--listen", "127.0.0.1:0", ...words]);
    await this.#until(async () => {
      const child = this.#running.get("server");
      if (child?.exitCode != null) throw new Error(`the server ended with ${child.exitCode}`);
      const { address } = JSON.parse(readFileSync(this.#at(".keyward/server.json"), "utf8")) as {
        address: string;
      };
      this.#names.set("ADDR", address);
    });
  }

  #agent([name = "", ...words]: readonly string[]): void {
    this.#start(name, this.#build.program, [
      "agent",
      "--directory",
      name,
      "--state",
      `${name}.state`,
      ...words,
    ]);
  }

  #child(name: string): ChildProcess {
    const child = this.#running.get(name);
    assert.ok(child !== undefined && child.exitCode === null, `${name} is not running`);
    return child;
  }

  async #stop(name: string): Promise<void> {
    const child = this.#child(name);
    this.#running.delete(name);
    child.kill("SIGTERM");
    await endOf(child);
  }

  #logs(): string {
    return [...this.#running.keys()]
      .map((name) => `── ${name}.log\n${readFileSync(this.#at(`${name}.log`), "utf8").slice(-4000)}`)
      .join("");
  }

  async end(): Promise<void> {
    for (const child of this.#running.values()) {
      child.kill("SIGKILL");
      await endOf(child);
    }
    await this.#kms?.stop();
    await this.#sshd?.stop();
    rmSync(this.#cwd, { recursive: true, force: true });
  }
}

function redirected(words: readonly string[]): {
  args: string[];
  stdin: string | null;
  stdout: string | null;
} {
  const args = [...words];
  const take = (sign: string): string | null => {
    const at = args.indexOf(sign);
    return at < 0 ? null : (args.splice(at, 2)[1] ?? null);
  };
  return { stdin: take("<"), stdout: take(">"), args };
}

function endOf(child: ChildProcess): Promise<Ended> {
  const read = (stream: NodeJS.ReadableStream | null): Buffer[] => {
    const chunks: Buffer[] = [];
    stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
    return chunks;
  };
  const [out, err] = [read(child.stdout), read(child.stderr)];
  return new Promise((resolve, reject) => {
    const done = (): void =>
      resolve({
        status: child.exitCode ?? 128,
        stdout: Buffer.concat(out).toString("latin1"),
        stderr: Buffer.concat(err).toString("utf8"),
      });
    if (child.exitCode !== null || child.signalCode !== null) return done();
    child.once("error", reject);
    child.once("close", done);
  });
}
