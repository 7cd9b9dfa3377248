/** A real Chef server for tests: goiardi from Debian's packages, in memory, which checks every signature. */
import { type ChildProcess, spawn } from "node:child_process";
import { createPrivateKey, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/time.ts";
import { signRequest } from "../../src/formats/chef-signature/chef-signature.ts";
import { statIfThere, until } from "../waiting.ts";

export interface Goiardi {
  readonly url: string;
  /** May do everything. */
  readonly user: "admin";
  readonly key: KeyObject;
  /** PEM, for programs that want a file. */
  readonly keyFile: string;
  /**
   * A request that our client does not make, as a node or knife makes it; rejects unless it answers well. A node that is
   * made is found by searches afterwards: goiardi fills its index behind its answers.
   *
   * @returns What it answered.
   */
  ask(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: object): Promise<string>;
  stop(): Promise<void>;
}

export async function startGoiardi(): Promise<Goiardi> {
  const folder = mkdtempSync(join(tmpdir(), "goiardi-"));
  const keyFile = join(folder, "admin.pem");
  const { child, port } = await listen(folder, keyFile);
  const key = createPrivateKey(readFileSync(keyFile));
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    user: "admin",
    key,
    keyFile,
    async ask(method, path, body) {
      const text = await ask({ url, key }, method, path, body);
      if (method === "POST" && path === "/nodes") await indexed({ url, key }, nameOf(body));
      return text;
    },
    stop: () => stop(child, folder),
  };
}

async function indexed(server: Pick<Goiardi, "url" | "key">, name: string): Promise<void> {
  await until(`a search finds node ${name}`, async () => {
    const text = await ask(server, "POST", "/search/node?q=*:*&rows=100000", { name: ["name"] });
    const { rows } = JSON.parse(text) as { rows: { data: { name: string } }[] };
    return rows.some(({ data }) => data.name === name);
  });
}

function nameOf(body: object | undefined): string {
  return String((body as { name?: unknown } | undefined)?.name);
}

async function ask(
  { url, key }: Pick<Goiardi, "url" | "key">,
  method: string,
  path: string,
  body?: object,
): Promise<string> {
  const json = body === undefined ? "" : JSON.stringify(body);
  const [signed = ""] = path.split("?");
  const request = { method, path: signed, body: Buffer.from(json), userId: "admin", apiVersion: "1" };
  const answer = await fetch(url + path, {
    method,
    headers: {
      ...signRequest(request, key, systemClock()),
      "X-Ops-Server-API-Version": "1",
      "X-Chef-Version": "18.0.0",
      "Content-Type": "application/json",
      Accept: "application/json",
    },
    ...(body === undefined ? {} : { body: json }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text;
}

/** A node object as Chef's client writes it. */
export function chefNode(name: string, more: object = {}): object {
  const levels = { automatic: {}, normal: {}, default: {}, override: {} };
  return {
    name,
    chef_environment: "_default",
    json_class: "Chef::Node",
    chef_type: "node",
    run_list: [],
    ...levels,
    ...more,
  };
}

/** On a port that nobody takes between our choice and its start. */
async function listen(
  folder: string,
  keyFile: string,
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  for (let tries = 0; tries < 5; tries++) {
    rmSync(keyFile, { force: true });
    const port = await freePort();
    const words = ["--use-auth", `--port=${port}`, "--ipaddress=127.0.0.1", `--conf-root=${folder}`];
    const child = spawn("goiardi", [...words, "--obj-max-size=67108864"], { cwd: folder, stdio: "ignore" });
    try {
      await until(
        "goiardi answers",
        async () => child.exitCode !== null || (statIfThere(keyFile) !== null && (await answers(port))),
      );
    } catch (error) {
      await stop(child, folder);
      throw error;
    }
    if (child.exitCode === null) return { child, port };
  }
  rmSync(folder, { recursive: true, force: true });
  throw new Error("goiardi does not start");
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
