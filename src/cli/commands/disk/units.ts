/** `keyward disk units`: what makes systemd open a volume at boot: printed, written, or taken away again. */
import path from "node:path";
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import type { Output } from "../../../command/output.ts";
import type { Cell } from "../../../command/terminal.ts";
import { type UnitChange, unitFiles, unitsToEnable, unitsToStart } from "../../../disk/disk.ts";
import { knownVolume, nodeFlags, thisNode } from "../../../machine/disk/this-node.ts";
import { removeUnits, writeUnits } from "../../../machine/disk/write-units.ts";
import { isRoot, parseVolumeName, type UnlockDelivery } from "../../../model/volume.ts";

export const units = act({
  summary:
    "Print, or write, the crypttab and fstab lines, sockets and units with which systemd opens a volume",
  words: ["NAME"],
  flags: {
    state: nodeFlags.state,
    write: { type: "boolean", help: "Write them, enable them, and let systemd take over the open volume" },
    remove: { type: "boolean", help: "Take away what was written" },
    force: { type: "boolean", help: "Also in place of what somebody else wrote for this volume" },
    root: { type: "string", value: "DIR", help: "Of a system that does not run: its files lie below DIR" },
  },
  calls: [],
  changes: true,
  examples: [
    "keyward disk units data",
    "keyward disk units data --write --dry-run",
    "keyward disk units data --write",
    "keyward disk units data --remove",
    "keyward disk units data --write --root /mnt/image",
  ],
  notes: [
    "Printed, the lines are for your configuration management; then run what is named at the end: what is to be started takes over the volume that is open now, so that it is closed when the machine stops. With --write that is done here, and may be done again at any time: each file is replaced in one step and all else in it stays as it is. A line of the same volume that was written or changed by somebody else is a conflict (6).",
    "After that keyward disk preflight says what is missing. systemd asks the agent for the key at a socket, and orders, waits and retries by itself. An agent that runs already answers there once it is started anew.",
    "A root disk is opened before any of this runs: see keyward disk initramfs.",
  ],
  async run({ world, out, dryRun }, { words: [text = ""], flags }) {
    const node = thisNode(flags, world, out);
    if (flags.write === true && flags.remove === true)
      throw new KeywardError("usage", "units: want one of --write and --remove");
    const how = {
      force: flags.force === true,
      dryRun,
      ...(flags.root === undefined ? {} : { root: path.resolve(world.cwd, flags.root) }),
    };
    if (flags.remove === true) {
      const name = parseVolumeName(text);
      const known = node.known().find(({ delivery }) => delivery.name === name);
      showDone(out, await removeUnits(node.host, name, known?.delivery, how), how.dryRun);
      return;
    }
    const { delivery } = knownVolume(node, text);
    if (isRoot(delivery))
      throw new KeywardError("conflict", `volume ${delivery.name}: is the root, opened before systemd runs`, {
        hint: `its boot image opens it: keyward disk initramfs ${delivery.name}`,
      });
    if (flags.write === true) showDone(out, await writeUnits(node.host, delivery, how), how.dryRun);
    else if (how.force || how.dryRun || how.root !== undefined)
      throw new KeywardError("usage", "units: --dry-run, --force and --root go with --write or --remove");
    else print(out, delivery);
  },
});

function print(out: Output, delivery: UnlockDelivery): void {
  const files = unitFiles(delivery).map(({ owner: _, ...file }) => file);
  const [enable, start] = [unitsToEnable(delivery), unitsToStart(delivery)];
  const lines = files.flatMap(({ path: file, kind, text }) => [
    `# ${file}${kind === "line" ? " (add)" : ""}`,
    ...text.trimEnd().split("\n"),
    "",
  ]);
  const then = ["daemon-reload", `enable ${enable.join(" ")}`, `start ${start.join(" ")}`];
  out.show(
    { files, enable, start },
    {
      blocks: [{ kind: "lines", lines: [...lines, ...then.map((words) => `# systemctl ${words}`)] }],
      names: files.filter(({ kind }) => kind === "file").map((one) => one.path),
    },
  );
}

function showDone(out: Output, done: Awaited<ReturnType<typeof writeUnits>>, dryRun: boolean): void {
  const { changes, ran } = done;
  const lines: Cell[] = dryRun
    ? changes.flatMap(diff)
    : changes.map(({ path: file, ...change }) => `${verb(change)} ${file}`);
  out.show(
    { changes: changes.map((change) => ({ path: change.path, change: verb(change) })), ran, dryRun },
    {
      blocks: [
        {
          kind: "lines",
          lines: [...lines, ...ran.map((words) => `${dryRun ? "# " : ""}systemctl ${words}`)],
        },
      ],
      names: changes.map((change) => change.path),
    },
  );
  if (changes.length === 0) out.note("every file is as it should be");
}

const verb = ({ before, after }: Pick<UnitChange, "before" | "after">): string =>
  before === null ? "made" : after === null ? "removed" : "changed";

/** As `diff --unified=0` prints it: of what stays nothing is shown. */
function diff({ path: file, before, after, hunks }: UnitChange): Cell[] {
  let shift = 0;
  return [
    `--- ${before === null ? "/dev/null" : file}`,
    `+++ ${after === null ? "/dev/null" : file}`,
    ...hunks.flatMap(({ line, removed, added }): Cell[] => {
      const at = (from: number, count: number): string => `${count === 0 ? from - 1 : from},${count}`;
      const head = `@@ -${at(line, removed.length)} +${at(line + shift, added.length)} @@`;
      shift += added.length - removed.length;
      return [
        head,
        ...removed.map((text) => ({ text: `-${text}`, style: "red" as const })),
        ...added.map((text) => ({ text: `+${text}`, style: "green" as const })),
      ];
    }),
  ];
}
