/** `keyward disk units`: what makes systemd open a volume at boot. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { act } from "../../../command/command.ts";
import { writeNew } from "../../../command/write-file.ts";
import { unitFiles, unitsToEnable, unitsToStart } from "../../../disk/disk.ts";
import { knownVolume, nodeFlags, thisNode } from "../../../machine/disk/this-node.ts";

export const units = act({
  summary: "Print the crypttab and fstab lines, sockets and units with which systemd opens a volume at boot",
  words: ["NAME"],
  flags: {
    state: nodeFlags.state,
    out: {
      type: "string",
      value: "DIR",
      help: "Write the units below this directory; lines are printed all the same",
    },
  },
  calls: [],
  examples: ["keyward disk units data", "keyward disk units data --out /"],
  notes: [
    "Add the lines to /etc/crypttab and /etc/fstab by hand or by your configuration management; then run what is named at the end: what is to be started takes over the volume that is open now, so that it is closed when the machine stops. After that keyward disk preflight says what is missing. systemd asks the agent for the key at a socket, and orders, waits and retries by itself.",
    "Root disks are opened before any of this runs, and are not done so.",
  ],
  async run({ world, out }, { words: [name = ""], flags }) {
    const { delivery } = knownVolume(thisNode(flags, world, out), name);
    const files = unitFiles(delivery);
    const enable = unitsToEnable(delivery);
    const start = unitsToStart(delivery);
    const root = flags.out === undefined ? undefined : path.resolve(world.cwd, flags.out);
    const whole = files.filter(({ kind }) => kind === "file");
    if (root !== undefined)
      for (const one of whole) {
        const place = path.join(root, one.path);
        // Volumes share some; one that somebody has changed is refused below.
        if (existsSync(place) && readFileSync(place, "utf8") === one.text) continue;
        mkdirSync(path.dirname(place), { recursive: true, mode: 0o755 });
        writeNew(place, "unit", Buffer.from(one.text), 0o644);
      }
    const shown = root === undefined ? files : files.filter(({ kind }) => kind === "line");
    const lines = shown.flatMap((one) => [
      `# ${one.path}${one.kind === "line" ? " (add)" : ""}`,
      ...one.text.trimEnd().split("\n"),
      "",
    ]);
    out.show(
      { files, enable, start },
      {
        blocks: [
          {
            kind: "lines",
            lines: [
              ...lines,
              "# systemctl daemon-reload",
              `# systemctl enable ${enable.join(" ")}`,
              `# systemctl start ${start.join(" ")}`,
            ],
          },
        ],
        names: whole.map((one) => one.path),
      },
    );
  },
});
