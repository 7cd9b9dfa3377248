/** A rig for the agent's tests: a directory of its own, held time, a server in this process, a host of paper. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createAccounts } from "../../src/adapters/accounts/accounts.ts";
import type { Program, RunProgram } from "../../src/adapters/adapters.ts";
import type { Host } from "../../src/adapters/host/host.ts";
import { type AgentOptions, type AgentParts, createAgent } from "../../src/agent/agent.ts";
import type { Json } from "../../src/base/json.ts";
import { Secret } from "../../src/base/secret.ts";
import { readIfThere } from "../waiting.ts";
import { FakeServer } from "./fake-server.ts";
import { type HeldTime, holdTime } from "./held-time.ts";

export interface Rig {
  readonly keys: string;
  readonly state: string;
  readonly time: HeldTime;
  readonly server: FakeServer;
  /** Programs that hooks ran. */
  readonly ran: Program[];
  readonly logged: { readonly level: string; readonly message: string; readonly [field: string]: unknown }[];
  readonly host: { boot: string; machine: string; facts: { [name: string]: Json } };
  /** Start an agent; it runs until it is stopped. */
  start(options?: Partial<AgentOptions>, parts?: Partial<AgentParts>): Running;
  once(
    options?: Partial<AgentOptions>,
    parts?: Partial<AgentParts>,
  ): ReturnType<ReturnType<typeof createAgent>["once"]>;
  /** The content of a file below the key directory; `null` when there is none. */
  read(path: string): string | null;
}

export interface Running {
  readonly done: Promise<void>;
  stop(): Promise<void>;
}

export function createRig(t: TestContext, run?: RunProgram): Rig {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "keyward-agent-")));
  const [keys, state] = [join(root, "keys"), join(root, "state")];
  const time = holdTime();
  const server = new FakeServer(time.clock);
  const ran: Program[] = [];
  const logged: Rig["logged"] = [];
  const host = { boot: "boot-1", machine: "0123456789abcdef", facts: { hostname: "db1.example" } };
  const running = new Set<Running>();
  t.after(async () => {
    for (const one of running) await one.stop();
    rmSync(root, { recursive: true, force: true });
  });

  const log = (level: string) => (fields: object, message: string) =>
    void logged.push({ ...fields, level, message });
  const paperHost: Host = {
    machineId: () => host.machine,
    bootId: () => host.boot,
    facts: () => host.facts,
  };
  const parts: AgentParts = {
    connect: server.connect,
    pin: server.pin,
    clock: time.clock,
    wait: time.wait,
    random: (length) => new Uint8Array(randomBytes(length)),
    host: paperHost,
    accounts: createAccounts(),
    run: async (program) => {
      ran.push(program);
      return run === undefined
        ? { end: { kind: "exited", status: 0 }, output: new Uint8Array() }
        : run(program);
    },
    log: { info: log("info"), warn: log("warn"), error: log("error") },
  };
  const agent = (options: Partial<AgentOptions>, other: Partial<AgentParts>) =>
    createAgent(
      {
        keyDirectory: keys,
        stateDirectory: state,
        joining: {
          address: "https://keys.example:5070",
          fingerprint: server.fingerprint,
          name: "db1",
          token: Secret.fromText(server.token),
        },
        version: "0.0.0-test",
        ...options,
      },
      { ...parts, ...other },
    );

  return {
    keys,
    state,
    time,
    server,
    ran,
    logged,
    host,
    start(options = {}, other = {}) {
      const controller = new AbortController();
      const done = agent(options, other).run(controller.signal);
      done.catch(() => {});
      const one: Running = {
        done,
        async stop() {
          running.delete(one);
          controller.abort();
          await done.catch(() => {});
        },
      };
      running.add(one);
      return one;
    },
    once: (options = {}, other = {}) => agent(options, other).once(new AbortController().signal),
    read: (path) => readIfThere(join(keys, path)),
  };
}
