/** `keyward disk initramfs`: the volume that the system itself lies on. */
import path from "node:path";
import { loadMembership } from "../../../agent/membership.ts";
import { peekState } from "../../../agent/peek.ts";
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import type { World } from "../../../command/world.ts";
import {
  type InitramfsSettings,
  initramfsCommand,
  initramfsCrypttab,
  initramfsFiles,
  initramfsTools,
} from "../../../disk/disk.ts";
import { initramfsTool, installedProgram, lookAt, placeAll } from "../../../machine/disk/initramfs.ts";
import { DEFAULT_STATE, knownVolume, thisNode } from "../../../machine/disk/this-node.ts";
import { findSeed, identityFlags, seedFile } from "../../../machine/open-seed.ts";

export const initramfs = act({
  summary: "Have the initramfs open the volume that the system lies on, with a key that a server gives",
  words: ["NAME..."],
  flags: {
    state: { type: "string", value: "DIR", help: `Where the agent keeps its identity (${DEFAULT_STATE})` },
    identity: {
      ...identityFlags.identity,
      help: "The node's private key at boot: derived from the seed (the default), or kept: copied into the image",
    },
    seed: { type: "string", value: "PLACE", help: "Where the seed is: uefi, or a sealed file; with derived" },
    tool: {
      type: "string",
      value: "TOOL",
      choices: initramfsTools,
      help: "What makes the image; the one that is installed here unless given",
    },
    out: {
      type: "string",
      value: "DIR",
      help: "Write the files below this directory, and show only the rest",
    },
    install: { type: "boolean", help: "The same as --out /" },
    yes: { type: "boolean", help: "Also over files that somebody has changed" },
  },
  changes: true,
  calls: [],
  examples: [
    "keyward disk initramfs root",
    "keyward disk initramfs root --install",
    "keyward disk initramfs root --identity kept --tool dracut --install",
  ],
  notes: [
    "Without --out or --install it prints what it would write. Then add the lines to /etc/crypttab, and run the command at the end; after that keyward disk preflight says what is missing. Name all volumes that the initramfs opens, each time: a later call replaces the earlier one.",
    "The image holds the program, the CA to trust, the servers' addresses and the node's name, and no key of a volume. With --identity kept it holds the node's private key as well: whoever can read the image, or /boot, can ask for the key in the node's name. What bounds that is the grant: --allow-from, --between, --max-opens, --approve; and freeze and revoke.",
    "With --identity derived the node's key follows from the seed, which has to open by itself: a UEFI variable or file that was sealed with --machine.",
  ],
  async run({ world, out, dryRun }, { words, flags }) {
    const node = thisNode(flags, world, out);
    const settings: InitramfsSettings = {
      volumes: words.map((name) => knownVolume(node, name).delivery),
      tool: flags.tool ?? initramfsTool(),
      state: node.stateDirectory,
      program: installedProgram(),
      ...(await identityOf(flags, node.stateDirectory, world)),
    };
    const where = flags.install === true ? "/" : flags.out;
    const root = where === undefined ? undefined : path.resolve(world.cwd, where);
    const files = lookAt(initramfsFiles(settings), root ?? "/");
    if (root !== undefined && !dryRun) placeAll(files, root, flags.yes === true);
    if (settings.identity === "kept") out.note(WARNING);
    const crypttab = initramfsCrypttab(settings);
    const command = initramfsCommand(settings.tool);
    const texts = files.flatMap(({ path: file, state, text }) => [
      `# ${file} (${state})`,
      ...text.trimEnd().split("\n"),
      "",
    ]);
    out.show(
      { tool: settings.tool, files, crypttab, command },
      {
        blocks: [
          {
            kind: "lines",
            lines: [
              ...(root === undefined ? texts : files.map(({ path: file, state }) => `${state}: ${file}`)),
              "# /etc/crypttab (add)",
              ...crypttab,
              "",
              `# ${command}`,
            ],
          },
        ],
        names: files.map((one) => one.path),
      },
    );
  },
});

const WARNING = "the image will hold this node's private key: whoever reads /boot can ask as this node";

interface IdentityFlags {
  readonly identity?: "kept" | "derived";
  readonly seed?: string;
}

/** @throws KeywardError `usage` when the seed would not open by itself in the initramfs. */
async function identityOf(
  flags: IdentityFlags,
  stateDirectory: string,
  world: World,
): Promise<Pick<InitramfsSettings, "identity" | "seed">> {
  if (flags.identity === "kept") return { identity: "kept" };
  assertDerived(stateDirectory);
  const { readSeedFacts } = await import("../../../formats/seed/seed.ts");
  const place = await findSeed(flags, world);
  const envelope = await place.read("current");
  if (envelope === null)
    throw new KeywardError(
      "not-found",
      `${place.name}: there is no seed from which this node's key follows`,
      {
        hint: "make one: keyward seed install --uefi --machine; or copy the node's key into the image: --identity kept",
      },
    );
  if (readSeedFacts(envelope).opener.kind !== "machine")
    throw new KeywardError(
      "usage",
      `${place.name}: the seed does not open by itself, and nobody is there at boot`,
      {
        hint: "keyward seed rewrap --machine; or copy the node's key into the image: --identity kept",
      },
    );
  return { identity: "derived", seed: seedText(flags, place.kind, world) };
}

function seedText(flags: IdentityFlags, kind: string, world: World): string {
  if (kind === "uefi") return "uefi";
  if (kind === "file") return seedFile(flags, world);
  throw new KeywardError("usage", `a seed in ${kind} cannot be opened in the initramfs`, {
    hint: "keep it in a UEFI variable or a file, sealed with --machine; or --identity kept",
  });
}

/** @throws KeywardError `usage` when the server knows this node by a key that does not follow from a seed. */
function assertDerived(stateDirectory: string): void {
  if (loadMembership(peekState(stateDirectory))?.key == null) return;
  throw new KeywardError(
    "usage",
    `${stateDirectory}: this node's key is kept there, and follows from no seed`,
    {
      hint: "copy it into the image: --identity kept; or run the agent with --identity derived first",
    },
  );
}
