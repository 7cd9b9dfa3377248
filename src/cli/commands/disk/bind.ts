/** `keyward disk bind`: a volume that another key opens gets the server's key too. */

import path from "node:path";
import { isKeywardError, KeywardError } from "../../../base/errors.ts";
import { Secret } from "../../../base/secret.ts";
import { act } from "../../../command/command.ts";
import { guard } from "../../../command/guard.ts";
import { readBytes } from "../../../command/read-file.ts";
import { nodeFlags, thisNode, UNLOCK_BUDGET } from "../../../machine/disk/this-node.ts";
import { parseVolumeName } from "../../../model/volume.ts";

export const bind = act({
  summary: "Let the server's key open an existing LUKS2 volume too",
  words: ["NAME"],
  flags: {
    ...nodeFlags,
    "current-key-file": {
      type: "string",
      value: "FILE",
      help: "A key that opens it now, byte for byte; asked for at the terminal unless given",
    },
  },
  calls: [],
  examples: ["keyward disk bind data", "keyward disk bind data --current-key-file /root/data.key"],
  notes: [
    "The slots that it has stay: remove those that are to go with cryptsetup, once it has opened with the new key.",
  ],
  async run({ world, out }, { words: [text = ""], flags }) {
    guard(world.env);
    const name = parseVolumeName(text);
    const file = flags["current-key-file"];
    using current: Secret =
      file === undefined
        ? await world.askSecret(`key or passphrase that opens ${name} now: `).catch(inFile)
        : Secret.take(readBytes(path.resolve(world.cwd, file), "key file", 8_388_608));
    const volumes = await thisNode(flags, world, out).volumes();
    const { version } = await volumes.bind(name, current, UNLOCK_BUDGET, world.interrupted);
    const line = `bound: version ${version} opens ${name}`;
    out.show({ name, version }, { blocks: [{ kind: "lines", lines: [line] }], names: [name] });
  },
});

function inFile(error: unknown): never {
  if (!isKeywardError(error, "usage")) throw error;
  throw new KeywardError("usage", error.message, { hint: "add: --current-key-file FILE" });
}
