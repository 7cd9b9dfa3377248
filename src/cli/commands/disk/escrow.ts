/** `keyward disk escrow`: a recovery key for a volume, among several people. */
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import { guard } from "../../../command/guard.ts";
import { integer, required } from "../../../command/read-flags.ts";
import { writeNew } from "../../../command/write-file.ts";
import { formatShare } from "../../../formats/seed/seed.ts";
import { nodeFlags, thisNode, UNLOCK_BUDGET } from "../../../machine/disk/this-node.ts";
import { shareFiles } from "../../../machine/share-files.ts";
import { parseVolumeName } from "../../../model/volume.ts";

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
  },
  calls: [],
  examples: [
    "keyward disk escrow data --shares 5 --threshold 3 --out /root/data",
    "keyward disk escrow data --out /root/data",
  ],
  notes: [
    "The key is made here, gets a key slot of its own, and is kept nowhere but in the shares: give each to one person and remove it here. keyward seed join puts them together again, and keyward unlock asks for the key when no server gives one. A recovery key made before loses its slot.",
  ],
  async run({ world, out }, { words: [text = ""], flags }) {
    guard(world.env);
    const name = parseVolumeName(text);
    const node = thisNode(flags, world, out);
    const granted = node.known().find(({ delivery }) => delivery.name === name)?.delivery.escrow;
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
    // First the shares: a slot whose key nobody has is worth nothing.
    for (const [i, share] of shares.entries()) {
      using bytes = formatShare(share);
      writeNew(files[i] ?? "", "share", bytes.reveal());
      share.data.wipe();
    }
    const { slot } = await volumes.escrow(name, own, UNLOCK_BUDGET, world.interrupted);
    const line = `recovery key of ${name} in slot ${slot}: any ${threshold} of ${count} shares give it`;
    out.show({ name, slot, files }, { blocks: [{ kind: "lines", lines: [line] }], names: files });
  },
});
