/** The torture of the whole server: the program, 32 HTTPS clients that write, and the reading back over the API. */
import type { Api } from "../../src/api/api.ts";
import { createProgram, type Program, type ServerProcess } from "../server/program.ts";
import type { Torture, TortureChild } from "./rounds.ts";
import { type Ack, type Book, keepWriting, nodeOf, openBook, WRITERS } from "./server-acts.ts";
import { createKnown, verifyAll, verifyRound } from "./server-reading.ts";

export interface ServerTorture extends Pick<Torture<Ack>, "startChild" | "verify"> {
  /** Read everything back once more, through a restart in peace, and leave nothing behind. */
  end(): Promise<void>;
}

export async function openServerTorture(): Promise<ServerTorture> {
  const program = createProgram();
  await program.init();
  const known = createKnown();
  let books: Book[] = [];
  /** Left by the reading back for the next round. */
  let running: ServerProcess | null = null;

  async function withServer(work: (api: Api) => Promise<void>): Promise<ServerProcess> {
    const server = program.startServer();
    const api = program.operator(await server.serving);
    try {
      await work(api);
    } finally {
      await api.close();
    }
    return server;
  }

  running = await withServer(async (api) => {
    for (let writer = 0; writer < WRITERS; writer++)
      await api.call("node.add", { body: { name: nodeOf(writer) } });
  });

  return {
    startChild(round) {
      const server = running ?? program.startServer();
      // A second child of the round is killed as it starts: nobody writes to it.
      const writing = running !== null;
      running = null;
      if (writing) books = Array.from({ length: WRITERS }, (_, writer) => openBook(writer, round));
      return childOf(program, server, writing ? books : []);
    },
    async verify(_acknowledged, round) {
      running = await withServer((api) => verifyRound(api, books, known, round));
    },
    async end() {
      await running?.stop();
      const last = await withServer((api) => verifyAll(api, known));
      await last.stop();
      program.remove();
    },
  };
}

function childOf(program: Program, server: ServerProcess, books: readonly Book[]): TortureChild<Ack> {
  let killed = false;
  let waiting = books.length;
  let isReady = (): void => {};
  let failed = (_error: unknown): void => {};
  const ready = new Promise<void>((resolve, reject) => {
    isReady = resolve;
    failed = reject;
  });
  ready.catch(() => {});
  const done = writeAll().catch((error: unknown) => {
    failed(error);
    return error;
  });

  async function writeAll(): Promise<null> {
    if (books.length === 0) return null;
    const address = await server.serving;
    await Promise.all(books.map((book) => writeOne(address, book)));
    return null;
  }

  async function writeOne(address: string, book: Book): Promise<void> {
    const api = program.operator(address);
    try {
      await keepWriting(api, book, () => {
        if (book.done.length === 1 && --waiting === 0) isReady();
      });
      if (!killed) throw new Error(`writer ${book.writer} lost the server`);
    } finally {
      await api.close();
    }
  }

  return {
    ready,
    async kill() {
      killed = true;
      await server.kill();
      const failure = await done;
      if (failure !== null) throw failure;
      return books.flatMap((book) => book.done);
    },
  };
}
