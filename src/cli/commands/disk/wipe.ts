/** `keyward disk wipe`: a volume's key slots destroyed: nothing opens it any more. */
import { createHeaders } from "../../../agent/headers.ts";
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import { systemRandom } from "../../../crypto/random.ts";
import { closeVolume } from "../../../disk/disk.ts";
import { knownVolume, nodeFlags, thisNode } from "../../../machine/disk/this-node.ts";
import { encryptedDevice } from "../../../model/volume.ts";

export const wipe = act({
  summary: "Destroy all key slots of a volume and the copies of its header here: its data is gone for good",
  words: ["NAME"],
  flags: {
    state: nodeFlags.state,
    uuid: { type: "string", value: "UUID", help: "The volume's UUID, to say that it is meant" },
  },
  calls: [],
  examples: [
    "keyward disk preflight data",
    "keyward disk wipe data --uuid 0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
  ],
  notes: [
    "It is closed first, and stays as it is when it does not close. Whoever has a copy of its header from elsewhere and a key that opened it can still read the disk.",
  ],
  async run({ world, out }, { words: [text = ""], flags }) {
    const node = thisNode(flags, world, out);
    const { delivery } = knownVolume(node, text);
    const { name } = delivery;
    const device = encryptedDevice(delivery);
    const uuid = await node.host.luks.uuid(device);
    if (flags.uuid !== uuid)
      throw new KeywardError("usage", `volume ${name} is ${uuid}: nothing was destroyed`, {
        hint: `if that is meant: keyward disk wipe ${name} --uuid ${uuid}`,
      });
    await closeVolume(node.host, delivery);
    await node.host.luks.erase(device);
    createHeaders(node.stateDirectory, systemRandom).forget(name);
    out.show(
      { name, uuid },
      { blocks: [{ kind: "lines", lines: [`destroyed: every key slot of ${name}`] }], names: [name] },
    );
  },
});
