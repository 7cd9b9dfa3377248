/**
 * Site: a server on this machine with one node, `db1`, whose volume one of its keys opens; and what the node's machine
 * needs of it. The machine reaches the server through a front that can be told to behave otherwise.
 */
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import type { Api } from "../../src/api/api.ts";
import type { BodyOf } from "../../src/api/shapes.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { createProgram, type Program } from "../server/program.ts";
import type { Entry } from "./archive.ts";

type UnlockDelivery = Extract<BodyOf<"grant.add">["delivery"], { kind: "unlock" }>;

export interface Site {
  readonly program: Program;
  readonly admin: Api;
  /** Where machines reach it. */
  readonly front: Front;
  /** Port of the server itself. */
  readonly port: number;
  /** A key of the server that was made here, so that it can be searched for. */
  putKey(name: string): Promise<Uint8Array>;
  /** @returns The grant's id. */
  grant(key: string, delivery: Partial<UnlockDelivery> & { readonly name: string }): Promise<string>;
  /** For a first boot: the CA to trust, and a token. */
  enrolment(): Promise<Entry[]>;
}

/** The data disk of User Mode Linux, by a name that stays. */
export const DATA_DISK = "/dev/disk/by-path/platform-uml-blkdev.0";

export async function createSite(t: TestContext): Promise<Site> {
  const program = createProgram();
  t.after(() => program.remove());
  await program.init();
  const server = program.startServer(["--name", "keys.test"]);
  t.after(() => server.kill());
  const address = await server.serving;
  const port = Number(new URL(address).port);
  const admin = program.operator(address);
  const front = await createFront({ kind: "to", port });
  t.after(() => front.close());
  const file = (path: string, text: string): Entry => ({
    kind: "file",
    path: `etc/keyward/${path}`,
    mode: 0o600,
    content: Buffer.from(text),
  });
  return {
    program,
    admin,
    front,
    port,
    async putKey(name) {
      const key = systemRandom(32);
      const value = Buffer.from(key).toString("base64");
      await admin.call("key.put", { path: { name }, body: { value } });
      return key;
    },
    async grant(key, delivery) {
      const whole = {
        ...{ kind: "unlock", type: "luks", device: DATA_DISK, start: [], atLoss: "close", conditions: {} },
        ...delivery,
      };
      const { grant } = await admin.call("grant.add", {
        body: { key, query: "name:db1", delivery: whole as never },
      });
      return grant.id;
    },
    async enrolment() {
      const { token } = await admin.call("joinToken.create", { body: { node: "db1" } });
      return [file("ca.pem", program.ca().join("")), file("db1.join", token)];
    },
  };
}

/**
 * - `to`: to the server at this port of this machine.
 * - `away`: nobody is there: refused.
 * - `silent`: taken, and never answered.
 * - `broken`: the answer ends after so many bytes.
 */
export type Behaviour =
  | { readonly kind: "to"; readonly port: number }
  | { readonly kind: "away" }
  | { readonly kind: "silent" }
  | { readonly kind: "broken"; readonly port: number; readonly after: number };

export interface Front {
  /** It stays the same. */
  readonly port: number;
  /** Connections that are there are broken off. */
  be(behaviour: Behaviour): Promise<void>;
  close(): Promise<void>;
}

export async function createFront(first: Behaviour): Promise<Front> {
  const open = new Set<Socket>();
  let now = first;
  const serve = (socket: Socket): void => {
    hold(socket);
    if (now.kind === "silent") socket.resume();
    else if (now.kind === "away") socket.destroy();
    else {
      const behind = connect(now.port, "127.0.0.1");
      hold(behind);
      socket.pipe(behind);
      if (now.kind === "to") behind.pipe(socket);
      else cutOff(behind, socket, now.after);
      socket.on("close", () => behind.destroy());
      behind.on("close", () => socket.destroySoon());
    }
  };
  function hold(socket: Socket): void {
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
  }
  let server = await listen(serve, 0);
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of open) socket.destroy();
    await closed;
  };
  return {
    port,
    async be(behaviour) {
      if (now.kind !== "away") await stop();
      now = behaviour;
      if (now.kind !== "away") server = await listen(serve, port);
    },
    close: async () => {
      if (now.kind !== "away") await stop();
    },
  };
}

function cutOff(from: Socket, to: Socket, after: number): void {
  let left = after;
  from.on("data", (chunk) => {
    to.write(chunk.subarray(0, left));
    left -= chunk.length;
    if (left <= 0) to.destroySoon();
  });
}

function listen(serve: (socket: Socket) => void, port: number): Promise<Server> {
  const server = createServer(serve);
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** What comes of it is sent when it is text. */
export type Act = (given: Buffer) => unknown;

/**
 * What the world around a machine does when a program inside asks for it (`guest/outside.ts`).
 *
 * @returns Its port.
 */
export async function createOutside(t: TestContext, acts: Readonly<Record<string, Act>>): Promise<number> {
  const server = createHttpServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    try {
      const act = acts[decodeURIComponent(request.url?.slice(1) ?? "")];
      if (act === undefined) throw new Error(`nobody does ${request.url}`);
      const said = await act(Buffer.concat(parts));
      response.end(typeof said === "string" ? said : "");
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}
