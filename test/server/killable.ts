/** A server, the real program, that is killed during what is asked of it, and started again. */
import type { Api } from "../../src/api/api.ts";
import { isKeywardError } from "../../src/base/errors.ts";
import type { Secret } from "../../src/base/secret.ts";
import type { ClientOptions } from "../../src/client/client.ts";
import { makeCsr } from "../../src/server/server-for-test.ts";
import { createProgram, type Program } from "./program.ts";

/** In milliseconds, how long it may take until the kill: moved so that it comes too late about half of the times. */
export interface Aim {
  within: number;
}

export interface Killable {
  readonly program: Program;
  /** An operator's, of the server that runs now. */
  readonly admin: Api;
  /** What the server that runs now has logged. */
  log(): string;
  /** Of the server that runs now; closed when it is killed. */
  client(options?: Partial<ClientOptions>): Api;
  /**
   * Ask, kill the server at a random moment within the aim, and start it again.
   *
   * @returns The answer; `null` when there was none.
   * @throws What the server refused.
   */
  killDuring<T>(ask: () => Promise<T>, aim: Aim): Promise<T | null>;
  /** As `killDuring`, at a moment of the caller's choice. */
  killAt<T>(moment: Promise<unknown>, ask: () => Promise<T>): Promise<T | null>;
  end(): Promise<void>;
}

export async function startKillable(): Promise<Killable> {
  const program = createProgram();
  await program.init();
  const clients: Api[] = [];
  let server = program.startServer();
  let address = await server.serving;
  const keep = (api: Api): Api => {
    clients.push(api);
    return api;
  };
  const client = (options: Partial<ClientOptions> = {}): Api => keep(program.client(address, options));
  let admin = keep(program.operator(address));

  async function closeAll(): Promise<void> {
    for (const api of clients.splice(0)) await api.close();
  }

  async function killAt<T>(moment: Promise<unknown>, ask: () => Promise<T>): Promise<T | null> {
    const asked = ask().catch((error: unknown) => {
      if (isGone(error)) return null;
      throw error;
    });
    asked.catch(() => {});
    await moment;
    await server.kill();
    const answer = await asked;
    await closeAll();
    server = program.startServer();
    address = await server.serving;
    admin = keep(program.operator(address));
    return answer;
  }

  return {
    program,
    client,
    log: () => server.log(),
    get admin() {
      return admin;
    },
    async killDuring(ask, aim) {
      const moment = new Promise((resolve) => setTimeout(resolve, Math.random() * aim.within));
      const answer = await killAt(moment, ask);
      aim.within *= answer === null ? 1.25 : 0.8;
      return answer;
    },
    killAt,
    async end() {
      await closeAll();
      await server.stop();
      program.remove();
    },
  };
}

/** Of several that were asked at once, one is enough. */
function isGone(error: unknown): boolean {
  return error instanceof AggregateError ? error.errors.some(isGone) : isKeywardError(error, "unreachable");
}

/** A machine with a private key of its own. */
export interface Machine {
  readonly csr: string;
  readonly key: Secret;
  /** The newest certificate that it was given, PEM. */
  certificate: string | null;
}

export function createMachine(name: string): Machine {
  return { ...makeCsr(name), certificate: null };
}

/** What it is as a node of the server that runs now. */
export function asNode({ client }: Pick<Killable, "client">, { certificate, key }: Machine): Api {
  if (certificate === null) throw new Error("not enrolled yet");
  return client({ cert: certificate, key });
}

/** @returns The name that it was given. @throws KeywardError `denied` */
export async function enrol(
  { client }: Pick<Killable, "client">,
  machine: Machine,
  token: string,
): Promise<string> {
  const answer = await client().call("agent.enrol", { body: { csr: machine.csr, token } });
  if (answer.kind !== "issued") throw new Error("not issued");
  machine.certificate = answer.certificate;
  return answer.node;
}
