/** `keyward disk status`: the volumes of this node, as this node finds them. */
import { isKeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import type { Cell } from "../../../command/terminal.ts";
import { cryptUnit } from "../../../disk/disk.ts";
import { chosen, nodeFlags, noVolumes, thisNode } from "../../../machine/disk/this-node.ts";
import { encryptedDevice } from "../../../model/volume.ts";

export const status = act({
  summary: "Show this node's volumes: open, mounted, on which device",
  words: ["[NAME]"],
  flags: { state: nodeFlags.state },
  calls: [],
  examples: ["keyward disk status", "keyward disk status data -o json"],
  notes: [
    "It asks no server: what the agent was told last is what it looks at. SYSTEMD is the state of systemd-cryptsetup@NAME.service, where crypttab has the volume. Ends with 1 when a volume is not open.",
  ],
  async run({ world, out }, { words, flags }) {
    const node = thisNode(flags, world, out);
    const volumes = [];
    const unknown = new Set<string>();
    for (const { key, delivery, opensWith } of chosen(node, words)) {
      const { name, mount } = delivery;
      const mounted = mount === undefined ? undefined : node.host.mounts.at(mount.point) !== null;
      volumes.push({
        name,
        key,
        device: encryptedDevice(delivery),
        state: await stateOf(name),
        mounted,
        opensWith,
        systemd: node.host.systemd.hasVolume(name) ? await node.host.systemd.stateOf(cryptUnit(name)) : null,
      });
    }

    async function stateOf(name: string): Promise<string> {
      try {
        const found = await node.host.luks.status(name);
        return found === null ? "closed" : found.suspended ? "suspended" : "open";
      } catch (error) {
        if (!isKeywardError(error)) throw error;
        unknown.add(`${error.message}${error.hint === undefined ? "" : `; ${error.hint}`}`);
        return "unknown";
      }
    }

    const rows = volumes.map(({ name, key, device, state, mounted, opensWith, systemd }): Cell[] => [
      name,
      key,
      device,
      { text: state, style: state === "open" ? "green" : "red" },
      mounted === undefined ? "" : mounted ? "yes" : "no",
      opensWith === undefined ? "" : String(opensWith),
      systemd ?? "",
    ]);
    out.show(
      {
        volumes: volumes.map(({ mounted, opensWith, systemd, ...rest }) => ({
          ...rest,
          ...(systemd === null ? {} : { systemd }),
          ...(mounted === undefined ? {} : { mounted }),
          ...(opensWith === undefined ? {} : { opensWith }),
        })),
      },
      {
        blocks: [
          { kind: "table", head: ["NAME", "KEY", "DEVICE", "STATE", "MOUNTED", "VERSION", "SYSTEMD"], rows },
        ],
        names: volumes.map(({ name }) => name),
      },
    );
    for (const why of unknown) out.note(why);
    if (volumes.length === 0) out.note(noVolumes(node));
    return volumes.every(({ state, mounted }) => state === "open" && mounted !== false) ? 0 : 1;
  },
});
