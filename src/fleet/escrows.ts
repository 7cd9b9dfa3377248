/**
 * Escrows: the sealed shares of volumes' recovery keys. A node makes the key and seals its shares to those whom the
 * grant names; here they are kept, one record a volume, until an operator fetches them. The server opens none.
 */
import type { Caller, Journal } from "../audit/audit.ts";
import { fromBase64, toBase64 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import { holderId, peekShare } from "../formats/escrow/escrow.ts";
import { parseRecipientPublicKey } from "../formats/hpke/keys.ts";
import type { GrantOf } from "../model/grant.ts";
import { type KeyName, type NodeName, parseNodeName } from "../model/name.ts";
import {
  type Escrow,
  type Holder,
  parseVolumeName,
  type UnlockDelivery,
  type VolumeName,
} from "../model/volume.ts";
import { type EscrowRow, escrows } from "../records/records.ts";
import type { RootKey } from "../seal/root-key.ts";
import type { Transact, Transaction } from "../store/store.ts";
import { isOfVolume, nodeOf, refuse } from "./bundle.ts";
import type { Ledger } from "./ledger.ts";
import type { Roster } from "./roster.ts";

/** As `agent.escrow` brings it. */
export interface EscrowInput {
  readonly name: string;
  readonly uuid: string;
  /** Names the recovery key. */
  readonly id: string;
  readonly generation: number;
  readonly sealed: readonly string[];
}

export interface SealedShares
  extends Pick<EscrowRow, "key" | "uuid" | "id" | "generation" | "threshold" | "made"> {
  readonly shares: readonly { readonly holder: string; readonly sealed: string }[];
}

export interface Escrows {
  /**
   * Keep the shares of the recovery key that the calling node has just made. Once this answers they are kept, also
   * through a power cut. The same ones again are no change.
   *
   * @throws KeywardError `denied` unless the node is active and a grant of its volume names holders, with an event;
   *   `malformed` when the shares are not for them, or for another volume; `conflict` when the generation is not the
   *   next one.
   */
  escrow(caller: Caller, input: EscrowInput): Promise<{ readonly generation: number }>;
  /**
   * Needs `disk:escrow` on the volume's key. A node that is revoked or forgotten has its shares all the same.
   *
   * @throws KeywardError `denied`, `not-found`
   */
  shares(caller: Caller, node: string, name: string): Promise<SealedShares>;
  /** Have the node make another one. Needs `disk:escrow` on the volume's key. @throws KeywardError `denied`, `not-found` */
  renewEscrow(caller: Caller, node: string, name: string): Promise<{ readonly generation: number }>;
}

export interface EscrowsNeeds {
  readonly journal: Journal;
  readonly transact: Transact;
  readonly rootKey: RootKey;
  readonly clock: Clock;
  readonly roster: Roster;
  readonly ledger: Ledger;
}

const PURPOSE = "escrow";

export function createEscrows({ journal, transact, rootKey, clock, roster, ledger }: EscrowsNeeds): Escrows {
  const idOf = (node: NodeName, name: VolumeName): string => `${ledger.hashOf(node)}/${name}`;

  async function escrow(caller: Caller, input: EscrowInput): Promise<{ generation: number }> {
    const node = nodeOf(caller);
    const name = parseVolumeName(input.name);
    const entry = roster.nodes.get(node);
    if (entry?.state !== "active") return refuse(journal, caller, node, entry?.state, "node:escrow");
    const grant = roster
      .placements(node)
      .desired.filter(isOfVolume)
      .map((one) => one.grant)
      .find(({ delivery }) => delivery.name === name);
    return journal.act({ ...caller, action: "node:escrow", resource: node }, async (tx, detail) => {
      Object.assign(detail, { volume: name, generation: input.generation });
      const plan = grant?.delivery.escrow;
      if (grant === undefined || plan?.holders === undefined)
        throw new KeywardError(
          "denied",
          `volume ${name} of ${node}: no grant names holders of its recovery key`,
        );
      const sealed = input.sealed.map((text) => fromBase64(text, "sealed share"));
      assertShares({ ...input, node, name }, plan, plan.holders, sealed);
      Object.assign(detail, {
        key: grant.key,
        grant: grant.id,
        holders: plan.holders.map((one) => one.name).join(" "),
      });
      const before = await escrows.get(tx, idOf(node, name));
      if (before !== null && isSame(before, input, sealed)) return { generation: input.generation };
      assertNext(before, input.generation, `${name} of ${node}`);
      escrows.put(tx, rowOf(node, grant, plan, plan.holders, input, sealed));
      return { generation: input.generation };
    });
  }

  function rowOf(
    node: NodeName,
    { id: grant, key, delivery }: GrantOf<UnlockDelivery>,
    { threshold }: Escrow,
    holders: readonly Holder[],
    { uuid, id, generation }: EscrowInput,
    shares: readonly Uint8Array[],
  ): EscrowRow {
    const row = { node: ledger.hashOf(node), volume: delivery.name, grant, key, uuid, id, generation };
    const sealed = shares.map((one, i) => {
      using copy = Secret.copy(one);
      return toBase64(rootKey.seal(PURPOSE, placeOf(row, i), copy));
    });
    return { ...row, threshold, holders, sealed, made: clock() };
  }

  function sharesOf(row: EscrowRow): Uint8Array[] {
    return row.sealed.map((box, i) =>
      rootKey.open(PURPOSE, placeOf(row, i), fromBase64(box, "escrow")).reveal(),
    );
  }

  function isSame(
    before: EscrowRow,
    { uuid, id, generation }: EscrowInput,
    sealed: readonly Uint8Array[],
  ): boolean {
    if (before.uuid !== uuid || before.id !== id || before.generation !== generation) return false;
    const kept = sharesOf(before);
    return kept.length === sealed.length && kept.every((one, i) => Buffer.from(one).equals(sealed[i] ?? one));
  }

  /** The act is on the volume's key; where there is no record, on nothing that a narrow rule covers. */
  async function act<T>(
    caller: Caller,
    nodeText: string,
    text: string,
    work: (tx: Transaction, row: EscrowRow, detail: Record<string, string | number | boolean>) => T,
  ): Promise<T> {
    const node = parseNodeName(nodeText);
    const name = parseVolumeName(text);
    const known = await transact((tx) => escrows.get(tx, idOf(node, name)));
    const resource: KeyName | string = known?.key ?? `${node}/${name}`;
    return journal.act({ ...caller, action: "disk:escrow", resource }, async (tx, detail) => {
      Object.assign(detail, { node, volume: name });
      const row = await escrows.get(tx, idOf(node, name));
      if (row === null || row.key !== known?.key)
        throw new KeywardError(
          "not-found",
          `volume ${name} of ${node}: no shares of a recovery key are kept here`,
          {
            hint: "the node makes them when its grant says: --escrow 3/5 --holder FILE ...; see: keyward disk list",
          },
        );
      detail.generation = row.generation;
      return work(tx, row, detail);
    });
  }

  return {
    escrow,
    shares: (caller, node, name) =>
      act(caller, node, name, (tx, row, detail) => {
        detail.shares = row.sealed.length;
        escrows.put(tx, { ...row, fetched: clock() });
        const { key, uuid, id, generation, threshold, made, holders } = row;
        const shares = sharesOf(row).map((one, i) => ({
          holder: holders[i]?.name ?? "",
          sealed: toBase64(one),
        }));
        return { key, uuid, id, generation, threshold, made, shares };
      }),
    renewEscrow: (caller, node, name) =>
      act(caller, node, name, (tx, row, detail) => {
        detail.renew = true;
        escrows.put(tx, { ...row, renew: clock() as UnixMs });
        return { generation: row.generation };
      }),
  };
}

function placeOf(
  { node, volume, generation }: Pick<EscrowRow, "node" | "volume" | "generation">,
  i: number,
): string[] {
  return [node, volume, String(generation), String(i + 1)];
}

/** Each is for its holder, and of this very volume. @throws KeywardError `malformed` */
function assertShares(
  about: { readonly node: NodeName; readonly name: VolumeName } & Pick<EscrowInput, "uuid" | "generation">,
  { threshold, shares }: Escrow,
  holders: readonly Holder[],
  sealed: readonly Uint8Array[],
): void {
  const refused = (why: string): KeywardError =>
    new KeywardError("malformed", `shares of ${about.name} of ${about.node}: ${why}`);
  if (sealed.length !== shares) throw refused(`want ${shares} of them`);
  for (const [i, bytes] of sealed.entries()) {
    const said = peekShare(bytes, `share ${i + 1}`);
    const { name = "", key = "" } = holders[i] ?? {};
    if (said.holder !== holderId(parseRecipientPublicKey(key, name)))
      throw refused(`share ${i + 1} is not sealed to ${name}`);
    const right =
      said.node === about.node &&
      said.volume === about.name &&
      said.uuid === about.uuid &&
      said.generation === about.generation &&
      said.index === i + 1 &&
      said.count === shares &&
      said.threshold === threshold;
    if (!right) throw refused(`share ${i + 1} is of another volume or splitting`);
  }
}

/** @throws KeywardError `conflict` */
function assertNext(before: EscrowRow | null, generation: number, what: string): void {
  const next = (before?.generation ?? 0) + 1;
  if (generation === next) return;
  throw new KeywardError(
    "conflict",
    `recovery key of ${what}: generation ${generation}, and ${next} is the next`,
    {
      hint: "another process of the node has just made one; it tries again by itself",
    },
  );
}
