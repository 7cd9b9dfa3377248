/** An ssh-agent of our own for one connection: the key never lies in a file, and goes when the connection does. */

import { timingSafeEqual } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { wipe } from "../../crypto/memory.ts";
import { ed25519Sign } from "../../crypto/sign.ts";
import {
  decodePrivateKey,
  encodePublicKey,
  parseCertificateLine,
  publicKeyOf,
} from "../../formats/openssh/openssh.ts";
import {
  type AgentIdentity,
  createPackets,
  decodeQuestion,
  encodeFailure,
  encodeIdentities,
  encodeSignature,
} from "../../formats/ssh-agent/ssh-agent.ts";

export interface OwnAgent {
  close(): void;
}

/**
 * @param socket - Where it listens: in a directory that is ours alone.
 * @param key - A private key file of OpenSSH; ed25519.
 * @throws KeywardError `usage` for a key of another type, `local` when it cannot listen.
 */
export async function startOwnAgent(socket: string, key: Secret, certificate?: string): Promise<OwnAgent> {
  const opened = decodePrivateKey(key.reveal()).key;
  if (opened.kind !== "ed25519")
    throw new KeywardError("usage", "a key for this way to connect is ed25519, or lies in an ssh-agent");
  const { seed } = opened;
  const plain: AgentIdentity = { blob: encodePublicKey(publicKeyOf(opened)), comment: "keyward" };
  const vouched =
    certificate === undefined ? [] : [{ blob: parseCertificateLine(certificate), comment: "keyward" }];
  const identities = [...vouched, plain];

  function answer(message: Uint8Array): Uint8Array {
    const question = decodeQuestion(message);
    if (question.kind === "list") return encodeIdentities(identities);
    if (question.kind === "other" || !identities.some(({ blob }) => equal(blob, question.key)))
      return encodeFailure();
    return encodeSignature("ssh-ed25519", ed25519Sign(seed, question.data));
  }

  function serve(connection: Socket): void {
    const packets = createPackets("ssh-agent");
    connection.on("error", () => connection.destroy());
    connection.on("data", (chunk: Buffer) => {
      try {
        for (const message of packets.take(chunk)) connection.write(answer(message));
      } catch {
        connection.destroy();
      }
    });
  }

  const server = createServer(serve);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(new KeywardError("local", `cannot listen for ssh: ${error.code}`)),
    );
    server.listen(socket, resolve);
  });
  return {
    close() {
      server.close();
      wipe(seed);
    },
  };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
