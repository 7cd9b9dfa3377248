/** Recovery warnings: volumes whose recovery key is lacking, or may be known to those who keep its shares. */
import { isUnlock } from "../model/grant.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import { isOfVolume } from "./bundle.ts";
import { type EscrowBook, recoveryOf } from "./escrow-book.ts";
import type { Ledger } from "./ledger.ts";
import type { Roster } from "./roster.ts";

interface Needs {
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly book: EscrowBook;
}

/** Names that a line has; the rest are counted. */
const MOST = 5;

/** A line for each kind, not for each volume. */
export function recoveryWarnings(
  { roster, ledger, book }: Needs,
  names: readonly NodeName[],
  isShown: (key: KeyName) => boolean,
): string[] {
  if (![...roster.grants.values()].some(({ grant }) => hasHolders(grant))) return [];
  const [lacking, fetched]: [string[], string[]] = [[], []];
  for (const node of names)
    for (const { grant } of roster.placements(node).desired.filter(isOfVolume)) {
      if (!hasHolders(grant) || !isShown(grant.key)) continue;
      const row = book.get(ledger.hashOf(node), grant.delivery.name);
      const volume = `${node}/${grant.delivery.name}`;
      if (recoveryOf(grant.delivery, row)?.due === true) lacking.push(volume);
      else if (row?.fetched !== undefined) fetched.push(volume);
    }
  return [
    ...line(lacking, "to get a recovery key as the grant says: the agent makes it once the volume is open"),
    ...line(
      fetched,
      "its shares were handed out: once the recovery key was used, keyward disk renew NODE NAME",
    ),
  ];
}

function hasHolders(grant: Parameters<typeof isUnlock>[0]): boolean {
  return isUnlock(grant) && grant.delivery.escrow?.holders !== undefined;
}

function line(volumes: readonly string[], says: string): string[] {
  if (volumes.length === 0) return [];
  const more = volumes.length > MOST ? ` and ${volumes.length - MOST} more` : "";
  return [`${volumes.slice(0, MOST).join(", ")}${more}: ${says}`];
}
