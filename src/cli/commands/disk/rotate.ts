/** `keyward disk rotate`: this node's volumes to the key's current version. */
import { isKeywardError } from "../../../base/errors.ts";
import { parseDuration } from "../../../base/time.ts";
import { act } from "../../../command/command.ts";
import { integer } from "../../../command/read-flags.ts";
import { usage } from "../../../command/session.ts";
import { chosen, nodeFlags, thisNode, UNLOCK_BUDGET } from "../../../machine/disk/this-node.ts";
import { parseNodeName } from "../../../model/name.ts";

export const rotate = act({
  summary: "Take this node's volumes to the version that the server wants, or the whole fleet to new keys",
  words: ["[NAME]"],
  flags: {
    ...nodeFlags,
    all: { type: "boolean", help: "All volumes of this node" },
    "volume-key": {
      type: "boolean",
      help: "After a leak: to another volume key too, which takes as long as the disk is large",
    },
    fleet: { type: "boolean", help: "Make new keys for the volumes of all nodes, a few first" },
    node: { type: "string", value: "NODE", help: "With --fleet: only keys of this node's volumes" },
    canary: { type: "string", value: "N", help: "With --fleet: so many keys first (1)" },
    "at-once": { type: "string", value: "N", help: "With --fleet: then so many at once (10)" },
    wait: { type: "string", value: "TIME", help: "With --fleet: for the nodes of each group (5m)" },
    "older-than": {
      type: "string",
      value: "TIME",
      help: "With --fleet: only keys whose version is older (1h)",
    },
  },
  changes: true,
  calls: ["disk.list", "key.show", "key.rotate"],
  examples: [
    "keyward disk rotate data",
    "keyward disk rotate --all",
    "keyward disk rotate data --volume-key",
    "keyward disk rotate --fleet --dry-run",
    "keyward disk rotate --fleet --canary 2 --at-once 20 --wait 10m",
  ],
  notes: [
    "--fleet is an operator's: it shows its plan with --dry-run, makes the next version of a few keys, waits until every node of theirs has proved that it opens its volume with it, and only then goes on, group by group. When a node does not in its time it stops and ends with 8; nothing is lost, since a volume opens with the old key until its new one is proved. Killed or stopped, it goes on when it is run again: what is under way is waited for, and keys younger than --older-than are not rotated twice. Keys of frozen nodes, and of volumes that were never opened or failed last, are left alone, and said.",
    "A key slot opens the volume key, under which the data is, and that stays when slots change: who has a copy of an old header and a key of then still reads the disk. --volume-key is for that day: first keyward key rotate, then this. It goes through the volume while it is open and mounted, shows how far it is, and goes on where it was when it is run again, after a kill or a power cut too. All other slots go, the recovery key's among them; that one is made anew where the grant names holders. Meanwhile the server's key alone opens it.",
    "A new version is made at the server: keyward key rotate. Running agents then rotate by themselves, and keyward plan shows which nodes have not; this does the same, now. A header copy comes first; the old slot goes when the server has believed that the new one opens the volume. Killed at any step, it goes on where it was.",
  ],
  async run(session, { words, flags }) {
    const { world, out, dryRun } = session;
    if (flags.fleet === true) {
      if (words.length > 0 || flags.all === true) throw usage("--fleet takes no name, and no --all");
      const { rotateOfFleet } = await import("../../../machine/disk/fleet-rotate.ts");
      return await rotateOfFleet(
        session,
        {
          node: flags.node === undefined ? undefined : parseNodeName(flags.node),
          olderThan: parseDuration(flags["older-than"] ?? "1h"),
        },
        {
          canary: integer(flags.canary, "--canary", 1) ?? 1,
          atOnce: integer(flags["at-once"], "--at-once", 1) ?? 10,
          patience: parseDuration(flags.wait ?? "5m"),
        },
      );
    }
    if (dryRun && flags["volume-key"] !== true) throw usage("--dry-run is for --fleet and --volume-key");
    if ((words.length === 0) !== (flags.all === true)) throw usage("name a volume, or say --all");
    const node = thisNode(flags, world, out);
    const known = chosen(node, words);
    if (flags["volume-key"] === true) {
      const { reencryptAll } = await import("../../../machine/disk/reencrypt-all.ts");
      return await reencryptAll(session, node, known);
    }
    const names = known.map(({ delivery }) => delivery.name);
    const volumes = await node.volumes();
    const done: { name: string; version: number; removed: readonly number[] }[] = [];
    let worst = 0;
    for (const name of names) {
      try {
        const { version, removed } = await volumes.rotate(name, UNLOCK_BUDGET, world.interrupted);
        done.push({ name, version, removed });
      } catch (error) {
        if (!isKeywardError(error)) throw error;
        out.note(`${name}: ${error.message}${error.hint === undefined ? "" : `; ${error.hint}`}`);
        worst = Math.max(worst, error.exitStatus);
      }
    }
    const lines = done.map(
      ({ name, version, removed }) =>
        `${name}: opens with version ${version}${removed.length === 0 ? "" : `, ${removed.length} old slot removed`}`,
    );
    out.show({ volumes: done }, { blocks: [{ kind: "lines", lines }], names: done.map(({ name }) => name) });
    return worst;
  },
});
