/**
 * Initramfs: what opens the volume that the system itself lies on: scripts for Debian's initramfs-tools(7), or a module
 * for dracut(8), and what both put into the image. The opening is cryptsetup's and the tool's own; ours is to answer
 * with the key. No key of a volume is in any of these files, nor in the image that is made of them.
 */
import { createHash } from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { encryptedDevice, type UnlockDelivery } from "../model/volume.ts";
import { debianFiles } from "./initramfs-debian.ts";
import { dracutFiles } from "./initramfs-dracut.ts";
import { copyScript, type InitramfsFile, KEYSCRIPT, keyscript, SETTINGS } from "./initramfs-image.ts";

export type { InitramfsFile } from "./initramfs-image.ts";

export const initramfsTools = ["initramfs-tools", "dracut"] as const;
export type InitramfsTool = (typeof initramfsTools)[number];

export interface InitramfsSettings {
  readonly volumes: readonly UnlockDelivery[];
  readonly tool: InitramfsTool;
  /** Where the agent keeps its identity. */
  readonly state: string;
  /** `kept`: the node's private key lies in the image. */
  readonly identity: "kept" | "derived";
  /** Of an identity that is derived: `uefi`, or the absolute path of a sealed seed. */
  readonly seed?: string;
  readonly program: InstalledProgram;
}

/** The single executable; or Node, and the folder of bundles that it runs. */
export type InstalledProgram =
  | { readonly kind: "executable"; readonly path: string }
  | { readonly kind: "bundles"; readonly path: string; readonly node: string };

/** Each ends with a line that tells whether somebody has changed it. @throws KeywardError `usage` */
export function initramfsFiles(settings: InitramfsSettings): InitramfsFile[] {
  const common: InitramfsFile[] = [
    { path: SETTINGS, mode: 0o644, text: settingsText(settings) },
    { path: "/etc/keyward/initramfs/copy", mode: 0o644, text: copyScript },
  ];
  return [...common, ...ownFiles(settings.tool)].map((file) => ({ ...file, text: signed(file.text) }));
}

/** Those of one tool alone. */
export function ownFiles(tool: InitramfsTool): readonly InitramfsFile[] {
  return tool === "dracut"
    ? dracutFiles
    : [{ path: KEYSCRIPT, mode: 0o755, text: keyscript }, ...debianFiles];
}

/** To be added to `/etc/crypttab`. */
export function initramfsCrypttab({ volumes, tool }: Pick<InitramfsSettings, "volumes" | "tool">): string[] {
  return volumes.map((delivery) => {
    const options = tool === "dracut" ? "luks" : `luks,initramfs,keyscript=${KEYSCRIPT}`;
    return `${delivery.name} ${encryptedDevice(delivery)} none ${options}`;
  });
}

/** What makes the image anew. */
export function initramfsCommand(tool: InitramfsTool): string {
  return tool === "dracut" ? "dracut --force" : "update-initramfs -u";
}

const PLAIN = /^[A-Za-z0-9_./+@:=-]*$/;

function settingsText({ volumes, state, identity, seed = "", program }: InitramfsSettings): string {
  const values = {
    VOLUMES: volumes.map(({ name }) => name).join(" "),
    STATE: state,
    IDENTITY: identity,
    SEED: identity === "derived" ? seed : "",
    PROGRAM: program.path,
    NODE: program.kind === "bundles" ? program.node : "",
  };
  const lines = Object.entries(values).map(([name, value]) => {
    const words = name === "VOLUMES" ? value.split(" ") : [value];
    if (words.every((word) => PLAIN.test(word))) return `${name}='${value}'`;
    throw new KeywardError("usage", `${name.toLowerCase()} ${JSON.stringify(value)}: want a plain path`, {
      hint: "letters, digits and _ . / + @ : = - only: it stands in a script",
    });
  });
  const head = "# Keyward in the initramfs, as keyward disk initramfs was told.";
  return `${head} Read by the scripts that make the image.\n${lines.join("\n")}\n`;
}

const MARK = "# keyward:sha256:";

function signed(text: string): string {
  return `${text}${MARK}${digest(text)}\n`;
}

/** Is it as a release of ours wrote it, for whichever settings? */
export function isUnchanged(text: string): boolean {
  const at = text.lastIndexOf(MARK);
  return at >= 0 && text.slice(at + MARK.length).trimEnd() === digest(text.slice(0, at));
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
