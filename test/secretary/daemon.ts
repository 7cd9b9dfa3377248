/** The daemon on a port of its own, and requests to it byte for byte as they were recorded. */
import { connect } from "node:net";
import { systemClock } from "../../src/base/time.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { type Daemon, type DaemonOptions, startDaemon } from "../../src/server/daemon.ts";
import { createLog } from "../../src/server/log.ts";
import { load, privateKey, publicKey } from "../vectors/secretary/load.ts";

export interface TestDaemon extends Daemon {
  /** JSON lines of its log. */
  readonly lines: readonly string[];
}

/** With the keys of the recordings. */
export async function startRecordedDaemon(
  url: string,
  options: Partial<DaemonOptions> = {},
): Promise<TestDaemon> {
  const lines: string[] = [];
  const log = createLog({ level: "debug", to: { write: (line) => void lines.push(line) } });
  const daemon = await startDaemon({
    host: "127.0.0.1",
    port: 0,
    masters: [privateKey("master.private")],
    configs: [publicKey("config.public")],
    marathon: new URL(url),
    mesos: new URL(url),
    clock: systemClock,
    random: systemRandom,
    log,
    ...options,
  });
  return Object.assign(daemon, { lines });
}

/** The recorded data key, and nothing else. */
export const recordedKms: NonNullable<DaemonOptions["kms"]> = (() => {
  const { kms } = load("daemon-exchanges");
  return {
    async decrypt(blob) {
      const { Secret } = await import("../../src/base/secret.ts");
      const { KeywardError } = await import("../../src/base/errors.ts");
      if (Buffer.from(blob).toString("base64") !== kms.ciphertextBlob_b64)
        throw new KeywardError("wrong-key", "KMS: sealed under another key (recorded)");
      const plain = Secret.take(new Uint8Array(Buffer.from(kms.dataKey_hex, "hex")));
      return { plain, keyArn: "arn:aws:kms:eu-west-1:111122223333:key/recorded" };
    },
  };
})();

export interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Send bytes, read one answer; what ends the connection without one is an error. */
export function exchange(port: number, raw: Uint8Array): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    const chunks: Buffer[] = [];
    const isHead = /^HEAD /.test(Buffer.from(raw.subarray(0, 5)).toString("latin1"));
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      const answer = parseAnswer(Buffer.concat(chunks).toString("latin1"), isHead);
      if (answer === null) return;
      socket.destroy();
      resolve(answer);
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("ended without an answer")));
    socket.write(raw);
  });
}

/** `null` while it is not whole. */
function parseAnswer(text: string, isHead: boolean): RawAnswer | null {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = text.slice(end + 4);
  if (!isHead && body.length < Number(headers.get("content-length") ?? 0)) return null;
  return { status: Number(first.split(" ")[1]), headers, body };
}
