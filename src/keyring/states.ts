/** States: acts that move a key's versions from one state to the next, or end the key. */
import type { Caller, Journal } from "../audit/audit.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import type { Action } from "../model/principal.ts";
import type { KeyRow } from "../records/records.ts";
import type { Keyring, Written } from "./keyring.ts";
import { loadKey, removeKey, saveKey } from "./rows.ts";
import { destroy, lastNumber, promote, rollback } from "./versions.ts";

type States = Pick<Keyring, "promote" | "rollback" | "destroy" | "remove">;
type Step = (row: KeyRow, number: VersionNumber, now: UnixMs) => KeyRow;

export function createStates({ journal, clock }: { journal: Journal; clock: Clock }): States {
  const stepper =
    (action: Action, name: string, step: Step) =>
    (caller: Caller, key: KeyName, version: VersionNumber): Promise<Written> =>
      journal.act({ ...caller, action, resource: key }, async (tx, detail) => {
        Object.assign(detail, { version, step: name });
        const before = await loadKey(tx, key);
        const after = step(before, version, clock());
        if (after !== before) saveKey(tx, before, after);
        return { name: key, version };
      });
  return {
    promote: stepper("key:write", "promote", promote),
    rollback: stepper("key:write", "rollback", rollback),
    destroy: stepper("key:destroy", "destroy", destroy),
    remove: (caller, name) =>
      journal.act({ ...caller, action: "key:destroy", resource: name }, async (tx, detail) => {
        const row = await loadKey(tx, name);
        Object.assign(detail, { versions: row.versions.length, step: "remove" });
        removeKey(tx, row, lastNumber(row));
        return { name };
      }),
  };
}
