/** What became of the items of a reseal: counted, reported, and whether anything may be left. */
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import type { Session } from "../../command/session.ts";
import type { Resealed } from "./reseal.ts";

export interface Tally {
  readonly items: number;
  resealed: number;
  values: number;
  already: number;
  plain: number;
  /** Items of vaults, which have secrets of their own. */
  vault: number;
  readonly failed: { item: string; code: string; reason: string }[];
}

export function createTally(items: number): Tally {
  return { items, resealed: 0, values: 0, already: 0, plain: 0, vault: 0, failed: [] };
}

export function count(tally: Tally, done: Resealed): void {
  if (done.kind === "resealed") tally.values += done.values;
  tally[done.kind]++;
}

/** @throws What is no KeywardError. */
export function countFailure(tally: Tally, item: string, error: unknown): void {
  if (!isKeywardError(error)) throw error;
  tally.failed.push({ item, code: error.code, reason: error.message });
}

export function leftOf({ items, resealed, already, plain, vault }: Tally): number {
  return items - resealed - already - plain - vault;
}

/** How many were done, whichever way it went. */
export function doneOf(tally: Tally): number {
  return tally.items - leftOf(tally) + tally.failed.length;
}

/**
 * Print it.
 *
 * @param again - What was found when all was read again afterwards; `null` when it was not.
 * @throws KeywardError `integrity` when something may remain under the old secret.
 */
export function report({ out, dryRun }: Session<never>, tally: Tally, again: Tally | null): void {
  const { items, resealed, values, already, plain, vault, failed } = tally;
  const remaining = again === null ? null : again.resealed + leftOf(again);
  out.show(
    { ...tally, remaining, dryRun },
    {
      blocks: [
        {
          kind: "fields",
          fields: [
            ["items", String(items)],
            [dryRun ? "would be resealed" : "resealed", `${resealed}, ${values} values`],
            ["under the new secret already", String(already)],
            ["not encrypted", String(plain)],
            ["of vaults, left alone", vault === 0 ? undefined : String(vault)],
            ["failed", String(failed.length)],
            ["under the old secret still", remaining === null ? undefined : `${remaining}, all read again`],
          ],
        },
        {
          kind: "table",
          head: ["ITEM", "CODE", "REASON"],
          rows: failed.map(({ item, code, reason }) => [item, code, reason]),
        },
      ],
      names: failed.map(({ item }) => item),
    },
  );
  if (vault > 0) out.note("items of vaults have secrets of their own: keyward vault-item rotate-all-keys");
  const left = leftOf(tally);
  if (left === 0 && (remaining ?? 0) === 0) return;
  throw new KeywardError(
    "integrity",
    `${why(tally)}; ${left || remaining} of ${items} items may remain under the old secret`,
    {
      hint: "run it again, with the secret that opens them",
    },
  );
}

function why(tally: Tally): string {
  if (tally.failed.length > 0) return `${tally.failed.length} could not be resealed`;
  return leftOf(tally) > 0 ? "interrupted" : "items were added or changed meanwhile";
}
