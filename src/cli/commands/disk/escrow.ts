/** `keyward disk escrow`: a recovery key for a volume, among several people. */
import { sealedToHolders } from "../../../agent/volume-escrow.ts";
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import { guard } from "../../../command/guard.ts";
import type { Output } from "../../../command/output.ts";
import { integer, required } from "../../../command/read-flags.ts";
import type { World } from "../../../command/world.ts";
import { forget, writeNew } from "../../../command/write-file.ts";
import { formatShare } from "../../../formats/seed/seed.ts";
import { nodeFlags, type ThisNode, thisNode, UNLOCK_BUDGET } from "../../../machine/disk/this-node.ts";
import { shareFiles } from "../../../machine/share-files.ts";
import { parseVolumeName, type VolumeName } from "../../../model/volume.ts";

export const escrow = act({
  summary: "Give a volume a recovery key, split among people of whom any few have it together",
  words: ["NAME"],
  flags: {
    ...nodeFlags,
    shares: { type: "string", value: "N", help: "How many shares: 2 to 255; as the grant says unless given" },
    threshold: {
      type: "string",
      value: "N",
      help: "How many of them give the key: 2 or more; as the grant says unless given",
    },
    out: { type: "string", value: "PREFIX", help: "Write PREFIX-1.share, PREFIX-2.share, ..." },
    renew: {
      type: "boolean",
      help: "Where the grant names holders: a new one now, its shares sealed to them and kept by the server",
    },
  },
  calls: [],
  examples: [
    "keyward disk escrow data --shares 5 --threshold 3 --out /root/data",
    "keyward disk escrow data --out /root/data",
    "keyward disk escrow data --renew",
  ],
  notes: [
    "The key is made here, gets a key slot of its own, and is kept nowhere but in the shares: give each to one person and remove it here. keyward unlock --share opens the volume with them when no server gives its key. A recovery key made before loses its slot.",
    "Where the grant names holders (grant add --escrow 3/5 --holder FILE), the agent does all this by itself: see keyward disk shares.",
  ],
  async run({ world, out }, { words: [text = ""], flags }) {
    guard(world.env);
    const name = parseVolumeName(text);
    const node = thisNode(flags, world, out);
    const granted = node.known().find(({ delivery }) => delivery.name === name)?.delivery.escrow;
    if (flags.renew === true) return await renewed(node, name, world, out);
    if (granted?.holders !== undefined) throw sealedToHolders(name);
    const count = integer(flags.shares, "--shares", 2) ?? granted?.shares;
    const threshold = integer(flags.threshold, "--threshold", 2) ?? granted?.threshold;
    if (count === undefined || threshold === undefined)
      throw new KeywardError("usage", `volume ${name}: its grant names no shares`, {
        hint: "say: --shares 5 --threshold 3",
      });
    const files = shareFiles(world, required(flags.out, "out"), { count, threshold });
    const { recoveryShares } = await import("../../../machine/disk/recovery.ts");
    const { key, shares } = await recoveryShares({ count, threshold });
    using own = key;
    const volumes = await node.volumes();
    const written = {
      write() {
        for (const [i, share] of shares.entries()) {
          using bytes = formatShare(share);
          writeNew(files[i] ?? "", "share", bytes.reveal());
        }
      },
      drop() {
        for (const file of files) forget(file);
      },
    };
    const { slot } = await volumes
      .escrow(name, own, UNLOCK_BUDGET, world.interrupted, written)
      .finally(() => {
        for (const { data } of shares) data.wipe();
      });
    const line = `recovery key of ${name} in slot ${slot}: any ${threshold} of ${count} shares give it`;
    out.show({ name, slot, files }, { blocks: [{ kind: "lines", lines: [line] }], names: files });
  },
});

async function renewed(node: ThisNode, name: VolumeName, world: World, out: Output): Promise<void> {
  const volumes = await node.volumes();
  const made = await volumes.tendEscrow(name, UNLOCK_BUDGET, world.interrupted, { renew: true });
  if (made === null)
    throw new KeywardError("conflict", `volume ${name}: its grant names nobody who holds shares`, {
      hint: `make them here: keyward disk escrow ${name} --shares 5 --threshold 3 --out PREFIX`,
    });
  const { generation } = made;
  const line = `recovery key ${generation} of ${name}: its shares are sealed, and with the server`;
  out.show({ name, generation }, { blocks: [{ kind: "lines", lines: [line] }], names: [name] });
}
