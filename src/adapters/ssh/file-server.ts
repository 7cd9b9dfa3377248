/** File server: sshd's, spoken to over any stream; questions go out at once and answers come in any order. */
import type { Duplex } from "node:stream";
import { KeywardError } from "../../base/errors.ts";
import {
  type Ask,
  createPackets,
  decodeReply,
  encodeAsk,
  encodeInit,
  type Reply,
} from "../../formats/sftp/sftp.ts";

export interface FileServer {
  readonly extensions: ReadonlyMap<string, string>;
  /** Nothing is under way, and the connection stands as far as is known. */
  readonly isIdle: boolean;
  /** @throws KeywardError `unreachable` when the connection ends before the answer; `malformed` */
  ask(question: Ask): Promise<Answer>;
}

export type Answer = Exclude<Reply, { kind: "version" }>;

interface Waiting {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

const VERSION = 3;

/** @param what - Names the host in errors. */
export async function openFileServer(stream: Duplex, what: string): Promise<FileServer> {
  const waiting = new Map<number, Waiting>();
  const packets = createPackets(what);
  let ended: KeywardError | null = null;
  let next = 1;

  function end(error: KeywardError): void {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
    stream.destroy();
  }

  function answer(reply: Reply): void {
    const id = reply.kind === "version" ? 0 : reply.id;
    const asked = waiting.get(id);
    if (asked === undefined) throw new KeywardError("malformed", `${what}: answered what nobody asked`);
    waiting.delete(id);
    asked.resolve(reply);
  }

  function send(id: number, bytes: Uint8Array): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (ended !== null) return reject(ended);
      waiting.set(id, { resolve, reject });
      stream.write(bytes);
    });
  }

  stream.on("data", (chunk: Buffer) => {
    try {
      for (const packet of packets.take(chunk)) answer(decodeReply(packet, what));
    } catch (error) {
      end(error instanceof KeywardError ? error : new KeywardError("malformed", what));
    }
  });
  const gone = (): void => end(new KeywardError("unreachable", `${what}: the connection ended`));
  stream.on("close", gone).on("end", gone).on("error", gone);

  const hello = await send(0, encodeInit());
  if (hello.kind !== "version" || hello.version < VERSION)
    throw new KeywardError("malformed", `${what}: its file server does not speak SFTP ${VERSION}`);
  return {
    extensions: hello.extensions,
    get isIdle() {
      return ended === null && waiting.size === 0;
    },
    async ask(question) {
      const id = next++;
      return (await send(id, encodeAsk(id, question))) as Answer;
    },
  };
}
