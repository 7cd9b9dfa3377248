/** Sweep: ends the versions whose retiring time is over. It reads only what is noted as due, never all keys. */
import type { Caller, Journal } from "../audit/audit.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { UnixMs } from "../base/time.ts";
import type { Keyring } from "./keyring.ts";
import { loadKey, type RetiringRow, retiring, retiringId, saveKey } from "./rows.ts";
import { destroy, versionOf } from "./versions.ts";

const PAGE = 256;
const schedule: Caller = { by: { kind: "system", name: "schedule" } };

export function createSweep({ journal }: { journal: Journal }): Pick<Keyring, "sweep"> {
  /** A look that changes nothing: it has no event. */
  const due = (now: UnixMs, after: RetiringRow | undefined): Promise<RetiringRow[]> =>
    journal.act({ ...schedule, action: "schedule:run", resource: "retiring", dryRun: true }, async (tx) => {
      const page = { limit: PAGE, ...(after !== undefined && { after: retiringId(after) }) };
      return (await retiring.list(tx, page)).filter(({ until }) => until <= now);
    });

  const end = ({ name, number }: RetiringRow, now: UnixMs): Promise<void> =>
    journal.act({ ...schedule, action: "key:destroy", resource: name }, async (tx, detail) => {
      Object.assign(detail, { version: number, step: "retired" });
      const row = await loadKey(tx, name);
      const { state } = versionOf(row, number);
      // Rolled back since it was read: its time is not over.
      if (state.kind !== "retiring" || state.until > now) throw notDue();
      saveKey(tx, row, destroy(row, number, now));
    });

  return {
    async sweep(now, isNeeded = () => false) {
      let count = 0;
      let last: RetiringRow | undefined;
      const failures: unknown[] = [];
      for (;;) {
        const rows = await due(now, last);
        const over = rows.filter(({ name, number }) => !isNeeded(name, number));
        const ended = await Promise.allSettled(over.map((row) => end(row, now)));
        for (const result of ended) {
          if (result.status === "fulfilled") count++;
          else if (!isGone(result.reason)) failures.push(result.reason);
        }
        if (rows.length < PAGE) break;
        last = rows.at(-1);
      }
      // One damaged key must not keep the others from ending.
      if (failures.length > 0) throw failures[0];
      return count;
    },
  };
}

function notDue(): KeywardError {
  return new KeywardError("conflict", "the version is not due any more");
}

/** Another act came first. */
function isGone(error: unknown): boolean {
  return isKeywardError(error, "conflict") || isKeywardError(error, "not-found");
}
