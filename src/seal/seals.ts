/** The seals of one root key, as rows: the first ones, one more, one less, and which of them opens. */
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { printable } from "../model/name.ts";
import type { Transaction } from "../store/store.ts";
import {
  infoOf,
  openSeal,
  type SealInfo,
  type SealInput,
  type SealKind,
  type SealRow,
  seals,
} from "./seal.ts";

export const MAX_SEALS = 16;

/** @throws KeywardError `conflict` when there is a root key; `integrity` when it is lost. */
export async function writeFirst(tx: Transaction, rows: readonly SealRow[]): Promise<void> {
  if ((await seals.list(tx, { limit: 1 })).length > 0) {
    throw new KeywardError("conflict", "there is a root key already", { hint: "run: keyward unseal" });
  }
  for (const prefix of ["keys/", "system/"]) {
    if ((await tx.range({ prefix, limit: 1 })).length === 0) continue;
    throw new KeywardError("integrity", "the store holds keys and no seal is left to open them", {
      hint: "restore the store from a backup",
    });
  }
  for (const row of rows) seals.put(tx, row);
}

/** @throws KeywardError `conflict` when there are 16, or the seal holds another root key. */
export async function addRow(tx: Transaction, prepared: SealRow): Promise<SealInfo> {
  const rows = await seals.list(tx);
  if (rows.length >= MAX_SEALS) throw new KeywardError("conflict", `there are ${MAX_SEALS} seals already`);
  if (rows.some(({ root }) => root !== prepared.root)) {
    throw new KeywardError("conflict", "the root key was changed meanwhile", { hint: "try again" });
  }
  seals.put(tx, prepared);
  return infoOf(prepared);
}

/** @throws KeywardError `not-found`; `conflict` for the last one. */
export async function removeRow(tx: Transaction, id: string): Promise<void> {
  const rows = await seals.list(tx);
  if (!rows.some((row) => row.id === id)) {
    throw new KeywardError("not-found", `seal ${printable(id)}: not found`, {
      hint: "run: keyward seal list",
    });
  }
  if (rows.length === 1) {
    throw new KeywardError("conflict", `seal ${printable(id)}: is the last one; without it nothing opens`, {
      hint: "add another seal first",
    });
  }
  seals.delete(tx, id);
}

/**
 * Try each seal of the input's kind. A damaged one, or one whose key KMS does not use now, does not keep the others
 * from opening.
 *
 * @throws KeywardError `wrong-key`; `integrity` when only a damaged seal fits; what KMS threw.
 */
export async function openAny(
  rows: readonly SealRow[],
  input: SealInput,
): Promise<{ root: Secret; info: SealInfo }> {
  let trouble: KeywardError | null = null;
  for (const row of rows) {
    try {
      const root = await openSeal(row, input);
      if (root !== null) return { root, info: infoOf(row) };
    } catch (error) {
      const goOn = isKeywardError(error, "integrity") || (input.kind === "aws-kms" && isKeywardError(error));
      if (!goOn) throw error;
      trouble ??= error;
    }
  }
  throw trouble ?? wrongKey(rows, input);
}

const names: Readonly<Record<SealKind, string>> = {
  file: "key file",
  passphrase: "passphrase",
  "aws-kms": "key of AWS KMS",
};

function wrongKey(rows: readonly SealRow[], { kind }: SealInput): KeywardError {
  const kinds = new Set(rows.map(({ derivation }) => derivation.kind));
  if (kinds.has(kind)) return new KeywardError("wrong-key", `this ${names[kind]} opens no seal`);
  const others = [...kinds].map((other) => names[other] ?? "other seal").join(" or the ");
  return new KeywardError("wrong-key", `no seal is opened by a ${names[kind]}`, {
    hint: `use the ${others}`,
  });
}
