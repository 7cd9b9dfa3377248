/** `keyward genkeys`: key pairs for sealed values, in files. */
import path from "node:path";
import { utf8 } from "../../base/bytes.ts";
import { Secret } from "../../base/secret.ts";
import { act } from "../../command/command.ts";
import { assertAbsent } from "../../command/write-file.ts";
import { keyFilesOf, makeKeyDirectory, writeKeyFiles } from "../../configuration/genkeys.ts";
import { systemRandom } from "../../crypto/random.ts";
import {
  formatRecipient,
  formatRecipientPublicKey,
  formatWriter,
  formatWriterPublicKey,
  generateRecipient,
  generateWriter,
  recipientKeyId,
  writerKeyId,
} from "../../formats/hpke/keys.ts";
import { formatPrivateKey, formatPublicKey, generateKeyPair } from "../../formats/secretary/keys.ts";
import { keyFingerprint } from "../../secretary/fingerprint.ts";
import { runnable } from "../run.ts";

const kinds = ["environment", "writer", "holder", "secretary"] as const;
type Kind = (typeof kinds)[number];

export const command = runnable(
  "genkeys",
  act({
    summary: "Make key pairs for sealed values: an environment's and a writer's",
    words: ["[NAME...]"],
    flags: {
      kind: {
        type: "string",
        choices: kinds,
        help: "environment, writer, holder of a share, or secretary for ENC[NACL,…]",
      },
      directory: { type: "string", value: "DIR", help: "Where to (./keys)" },
      force: { type: "boolean", help: "Replace keys that are there: what was sealed to them is lost" },
    },
    calls: [],
    examples: [
      "keyward genkeys",
      "keyward genkeys prod staging --kind environment",
      "keyward genkeys alice --kind writer --directory ~/keys",
      "keyward genkeys alice bob carol --kind holder",
      "keyward genkeys --kind secretary",
    ],
    notes: [
      "Without a NAME: a pair called environment and one called writer, which encrypt and decrypt find by themselves; with --kind secretary: master and config. Each NAME makes NAME-public-key.pem and NAME-private-key.pem (mode 0600). A key that is there stays.",
      "An environment's private key is for those who open values, its public key for those who write. A writer's private key is for one person or pipeline, its public key for those who open. A holder's public key is for grants with --escrow, its private key for the holder alone: see keyward disk share.",
    ],
    async run({ world, out }, { words, flags }) {
      const shown = flags.directory ?? "keys";
      const directory = path.resolve(world.cwd, shown);
      const wanted = wantedOf(words, flags.kind).map((one) => ({
        ...one,
        files: keyFilesOf(directory, one.name),
      }));
      makeKeyDirectory(directory, shown);
      const force = flags.force === true;
      if (!force)
        for (const { files } of wanted)
          for (const file of [files.publicFile, files.privateFile]) assertAbsent(file, "key file");
      const made = wanted.map(({ name, kind, files }) => {
        const { id, publicText, privateText } = makePair(kind);
        writeKeyFiles(files, { publicText, privateText: privateText.reveal() }, force);
        privateText.wipe();
        return { name, kind, keyId: id, publicKey: files.publicFile, privateKey: files.privateFile };
      });
      const rows = made.map(({ name, kind, keyId, privateKey }) => [
        name,
        kind,
        keyId,
        path.relative(world.cwd, privateKey),
      ]);
      out.show(made, {
        blocks: [{ kind: "table", head: ["NAME", "KIND", "KEY ID", "PRIVATE KEY"], rows }],
        names: made.map(({ name }) => name),
      });
    },
  }),
);

function wantedOf(names: readonly string[], kind: Kind | undefined): { name: string; kind: Kind }[] {
  if (names.length > 0) return names.map((name) => ({ name, kind: kind ?? "environment" }));
  if (kind === "secretary") return ["master", "config"].map((name) => ({ name, kind }));
  return (kind === undefined ? (["environment", "writer"] as const) : [kind]).map((one) => ({
    name: one,
    kind: one,
  }));
}

interface Pair {
  readonly id: string;
  readonly publicText: string;
  readonly privateText: Secret;
}

function makePair(kind: Kind): Pair {
  switch (kind) {
    case "environment":
    case "holder": {
      const pair = generateRecipient(systemRandom);
      const { publicKey } = pair;
      return {
        id: recipientKeyId(publicKey),
        publicText: formatRecipientPublicKey(publicKey),
        privateText: formatRecipient(pair),
      };
    }
    case "writer": {
      const pair = generateWriter(systemRandom);
      const { publicKey } = pair;
      return {
        id: writerKeyId(publicKey),
        publicText: formatWriterPublicKey(publicKey),
        privateText: formatWriter(pair),
      };
    }
    case "secretary": {
      const { publicKey, privateKey } = generateKeyPair(systemRandom);
      return {
        id: keyFingerprint(publicKey),
        publicText: formatPublicKey(publicKey),
        privateText: Secret.take(utf8(formatPrivateKey(privateKey))),
      };
    }
  }
}
