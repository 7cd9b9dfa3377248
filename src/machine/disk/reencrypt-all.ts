/** Volumes of this node to other volume keys, one after the other: `keyward disk rotate --volume-key`. */
import type { KnownVolume } from "../../agent/known-volumes.ts";
import { isKeywardError } from "../../base/errors.ts";
import type { Session } from "../../command/session.ts";
import { encryptedDevice } from "../../model/volume.ts";
import { type ThisNode, UNLOCK_BUDGET } from "./this-node.ts";

type Needs = Pick<Session, "out" | "world" | "progress" | "dryRun">;

/** @returns The exit status: the worst of them. */
export async function reencryptAll(
  { out, world, progress, dryRun }: Needs,
  node: ThisNode,
  known: readonly KnownVolume[],
): Promise<number> {
  const lines: string[] = [];
  const done: { name: string; resumed: boolean }[] = [];
  let worst = 0;
  for (const one of known) {
    const { name } = one.delivery;
    try {
      lines.push(dryRun ? await wouldBe(node, one) : await reencrypted(one));
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      progress.end();
      out.note(`${name}: ${error.message}${error.hint === undefined ? "" : `; ${error.hint}`}`);
      worst = Math.max(worst, error.exitStatus);
      if (world.interrupted.aborted) break;
    }
  }
  out.show(
    { volumes: done, dryRun },
    { blocks: [{ kind: "lines", lines }], names: done.map(({ name }) => name) },
  );
  return worst;

  async function reencrypted({ delivery: { name, escrow } }: KnownVolume): Promise<string> {
    const volumes = await node.volumes();
    const says = (text: string): void => progress.say(`${name}: ${text}`);
    const { resumed, removed, version, recovery, failures } = await volumes.reencrypt(
      name,
      UNLOCK_BUDGET,
      world.interrupted,
      says,
    );
    progress.end();
    done.push({ name, resumed });
    for (const { message } of failures) out.note(`${name}: no new recovery key yet: ${message}`);
    if (recovery === undefined && escrow !== undefined && escrow.holders === undefined)
      out.note(`${name}: its recovery key is gone: keyward disk escrow ${name} --out PREFIX`);
    const gone =
      removed.length === 0 ? "" : `, ${removed.length} other slot${removed.length === 1 ? "" : "s"} removed`;
    const made = recovery === undefined ? "" : `, recovery key ${recovery.generation} made`;
    return `${name}: under another volume key; version ${version} opens it${gone}${made}`;
  }
}

/** Without the server: what is said here holds if its key opens the volume. */
async function wouldBe({ host }: ThisNode, { delivery }: KnownVolume): Promise<string> {
  const { luks } = host;
  const { name } = delivery;
  const device = encryptedDevice(delivery);
  const { underWay } = await luks.volumeKey(device);
  const open = (await luks.status(name)) === null ? "while it is closed" : "while it is open";
  if (underWay) return `${name}: would go on, ${open}, on ${device}`;
  await luks.assertReencrypts(device);
  const others = (await luks.slots(device)).length - 1;
  return `${name}: would be taken to another volume key, ${open}, on ${device}; ${others} other slot${others === 1 ? "" : "s"} would go`;
}
