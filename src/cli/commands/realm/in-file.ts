/** Realms in a ledger's file: for machines without a server. */
import type { DurationMs } from "../../../base/time.ts";
import type { Session } from "../../../command/session.ts";
import { time } from "../../../command/view.ts";
import type { Ledger, LedgerRealm } from "../../../formats/ledger/ledger.ts";
import { type Changed, changeLedger, ledgerFile, readLedger } from "../../../machine/ledger/ledger.ts";
import { addRealm, bumpRealm, findRealm, retireRealm, setRealm, toRotate } from "../../../seed/realms.ts";
import type { RealmFlags, RealmRow, Realms, Written } from "./realms.ts";

const AT_ONCE = 0 as DurationMs;
const USUAL_RETIRE = (30 * 86_400_000) as DurationMs;

export function fileRealms({ world, dryRun }: Pick<Session, "world" | "dryRun">, flags: RealmFlags): Realms {
  const file = ledgerFile(flags, world);
  const change = (make: Parameters<typeof changeLedger>[3]): Promise<Changed> =>
    changeLedger(flags, world, dryRun, make);

  return {
    async list() {
      const ledger = await readLedger(flags, world);
      const { scheme, seed, sequence, changed } = ledger;
      const rotate = toRotate(ledger, world.clock());
      return { realms: ledger.realms.map(rowOf), about: { file, scheme, seed, sequence, changed, rotate } };
    },
    find: async (name) => rowOf(findRealm(await readLedger(flags, world), name)),
    async add({ derivation, ...realm }) {
      const changed = await change((ledger, seed) => {
        const complete = { ...derivation, scheme: derivation.scheme ?? seed.scheme };
        return addRealm(ledger, seed, { ...realm, derivation: complete }, world.clock());
      });
      return written(changed, realm.name);
    },
    async set(name, to) {
      return written(await change((ledger) => setRealm(ledger, name, to, world.clock())), name);
    },
    async bump(name, retire = USUAL_RETIRE) {
      return written(
        await change((ledger, seed) => bumpRealm(ledger, seed, name, retire, world.clock())),
        name,
      );
    },
    async retire(name, version, within = AT_ONCE) {
      const options = version === undefined ? { within } : { within, version };
      return written(
        await change((ledger) => retireRealm(ledger, name, options, world.clock())),
        name,
        version,
      );
    },
  };
}

function rowOf(realm: LedgerRealm): RealmRow {
  return realm;
}

/** Says the version that was asked for, and which older ones are still derivable. */
function written({ after }: { readonly after: Ledger }, name: string, asked?: number): Written {
  const { versions } = findRealm(after, name);
  const version = asked ?? versions.at(-1)?.number ?? 0;
  const also = versions.flatMap(({ number, state }) =>
    state.kind === "retiring" ? [`version ${number} stays derivable until ${time(state.until)}`] : [],
  );
  return { name, version, also };
}
