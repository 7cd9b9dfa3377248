/** Seals: what protects the root key, and its presence in memory. */
import type { BodyOf } from "../../api/shapes.ts";
import type { Caller } from "../../audit/audit.ts";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { formatPrincipal } from "../../model/principal.ts";
import type { SealInfo, SealInput } from "../../seal/seal.ts";
import type { Serving } from "../serving.ts";
import type { HandlersOf } from "./handler.ts";

export function sealHandlers(
  parts: Pick<Serving, "rootKey" | "journal" | "afterUnseal" | "kms">,
): HandlersOf<"seal"> {
  const { rootKey, journal } = parts;
  return {
    "seal.list": (caller) =>
      journal.act({ ...caller, action: "seal:read", resource: "seals" }, async (tx) => ({
        state: rootKey.state,
        seals: await rootKey.listSeals(tx),
      })),
    "seal.seal": async (caller) => {
      await journal.act({ ...caller, action: "seal:write", resource: "root-key" }, (_tx, detail) => {
        detail.sealed = true;
      });
      if (caller.dryRun !== true) rootKey.lock();
      return {};
    },
    "seal.unseal": async (caller, { body }) => {
      const info = await unseal(parts, caller, body);
      await journal.act({ ...caller, action: "seal:write", resource: "root-key" }, (_tx, detail) => {
        Object.assign(detail, { unsealed: true, seal: info.id });
      });
      await parts.afterUnseal();
      return {};
    },
    "seal.add": async (caller, { body }) => {
      await assertMay(parts, caller);
      const row = await withInput(parts, body, (input) => rootKey.prepareSeal(input));
      return await journal.act({ ...caller, action: "seal:write", resource: row.id }, async (tx, detail) => {
        detail.added = true;
        return await rootKey.addSeal(tx, row);
      });
    },
    "seal.remove": async (caller, { path }) => {
      await journal.act({ ...caller, action: "seal:write", resource: path.id }, async (tx, detail) => {
        detail.removed = true;
        await rootKey.removeSeal(tx, path.id);
      });
      return {};
    },
  };
}

/** Permission before the slow work: a rehearsal of the act, which writes nothing unless it is refused. */
function assertMay({ journal }: Pick<Serving, "journal">, caller: Caller): Promise<void> {
  const act = { ...caller, dryRun: true, action: "seal:write", resource: "root-key" } as const;
  return journal.act(act, () => undefined);
}

/** A wrong passphrase has an event: someone may be guessing. */
async function unseal(
  parts: Pick<Serving, "rootKey" | "journal" | "kms">,
  caller: Caller,
  body: BodyOf<"seal.unseal">,
): Promise<SealInfo> {
  await assertMay(parts, caller);
  try {
    return await withInput(parts, body, (input) => parts.rootKey.unseal(input));
  } catch (error) {
    const code = isKeywardError(error) ? error.code : "internal";
    await parts.journal.note({
      by: formatPrincipal(caller.by),
      action: "seal:write",
      resource: "root-key",
      outcome: "failed",
      detail: { error: code, ...(caller.request === undefined ? {} : { request: caller.request }) },
    });
    throw error;
  }
}

async function withInput<T>(
  { kms }: Pick<Serving, "kms">,
  body: BodyOf<"seal.unseal"> | BodyOf<"seal.add">,
  work: (input: SealInput) => Promise<T>,
): Promise<T> {
  switch (body.kind) {
    case "file": {
      using content = Secret.fromText(body.content);
      return await work({ kind: "file", content });
    }
    case "passphrase": {
      using passphrase = Secret.fromText(body.passphrase);
      return await work({ kind: "passphrase", passphrase });
    }
    case "aws-kms":
      if (kms === undefined) throw new KeywardError("local", "this server does not speak to AWS KMS");
      return await work({ kind: "aws-kms", kms, ...("keyId" in body ? { keyId: body.keyId } : {}) });
  }
}
