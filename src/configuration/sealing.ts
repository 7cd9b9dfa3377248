/** How values are sealed: which kind of envelope, with which keys. */
import { KeywardError } from "../base/errors.ts";
import type { Flags } from "../command/command.ts";
import type { World } from "../command/world.ts";
import { type HpkeAead, hpkeAeadIds } from "../crypto/hpke.ts";
import type { Random } from "../crypto/random.ts";
import { sealEnvelope } from "../formats/hpke/hpke.ts";
import { recipientKeyId, writerKeyId } from "../formats/hpke/keys.ts";
import { deriveBoxKey } from "../formats/secretary/keys.ts";
import { NACL_NONCE_SIZE, sealNacl } from "../formats/secretary/nacl.ts";
import { findHpkeSealing, type SealingFlags } from "./hpke-keys.ts";
import { keysToEncrypt, noKeys } from "./keys.ts";
import { kmsContextOf } from "./kms-context.ts";

export const sealingFlags = {
  environment: {
    type: "string",
    value: "NAME",
    help: "The environment that the value is for (KEYWARD_ENVIRONMENT)",
  },
  to: { type: "string", value: "FILE", help: "The environment's public key, or Secretary's master key" },
  as: { type: "string", value: "FILE", help: "The writer's private key, or Secretary's config key" },
  format: {
    type: "string",
    choices: ["hpke", "nacl", "kms"],
    help: "The kind of envelope: hpke unless given",
  },
  aead: { type: "string", choices: Object.keys(hpkeAeadIds) as HpkeAead[], help: "With hpke: the cipher" },
  "kms-key-id": { type: "string", value: "ID", help: "With kms: the key (KMS_KEY_ID)" },
} as const satisfies Flags;

export interface SealerFlags extends SealingFlags {
  readonly format?: "hpke" | "nacl" | "kms";
  readonly aead?: HpkeAead;
  readonly "kms-key-id"?: string;
}

export interface Sealer {
  seal(variable: string, value: Uint8Array, random: Random): Promise<string>;
  /** For `-o json`: what was sealed, and with which keys. */
  readonly about: Readonly<Record<string, string>>;
  /** Values are bound to their variable. */
  readonly bound: boolean;
  readonly warning: string | null;
}

/** @throws KeywardError when a key is not here. */
export function createSealer(flags: SealerFlags, world: World): Sealer {
  switch (flags.format ?? "hpke") {
    case "hpke":
      return hpkeSealer(flags, world);
    case "nacl":
      return naclSealer(flags, world);
    case "kms":
      return kmsSealer(flags, world);
  }
}

function hpkeSealer(flags: SealerFlags, world: World): Sealer {
  const { environment, recipient, writer } = findHpkeSealing(world, flags);
  const { aead } = flags;
  return {
    about: {
      format: "hpke",
      environment,
      recipient: recipientKeyId(recipient),
      writer: writerKeyId(writer.publicKey),
    },
    bound: true,
    warning: null,
    async seal(variable, value, random) {
      const place = { environment, variable };
      return sealEnvelope(
        { recipient, writer, place, ...(aead === undefined ? {} : { aead }) },
        random,
        value,
      );
    },
  };
}

function naclSealer({ to = "", as = "" }: SealerFlags, world: World): Sealer {
  const keys = keysToEncrypt({ ...noKeys, publicKey: to, privateKey: as }, world);
  const key = deriveBoxKey(keys.from, keys.to);
  return {
    about: { format: "nacl" },
    bound: false,
    warning: "whoever can seal ENC[NACL,…] can open it too, and it opens in any place: prefer ENC[HPKE,…]",
    seal: async (_, value, random) => sealNacl(key, random(NACL_NONCE_SIZE), value),
  };
}

function kmsSealer(flags: SealerFlags, world: World): Sealer {
  const keyId = flags["kms-key-id"] ?? world.env.KMS_KEY_ID ?? "";
  if (keyId === "") throw new KeywardError("usage", "--kms-key-id is missing", { hint: "or set KMS_KEY_ID" });
  const isBound = Object.keys(kmsContextOf(world.env)).length > 0;
  return {
    about: { format: "kms", kmsKeyId: keyId },
    bound: false,
    warning: isBound
      ? "ENC[KMS,…] opens wherever its encryption context is given: nothing binds it to its variable"
      : "ENC[KMS,…] opens in any place: nothing binds it to its environment or variable (KEYWARD_KMS_CONTEXT can)",
    seal: async (_, value) => (await import("./kms-sealer.ts")).sealWithKms(keyId, world, value),
  };
}
