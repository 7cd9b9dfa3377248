/**
 * Initramfs preflight: what will keep the initramfs of the next boot from opening a volume: files that are lacking or
 * were changed, a line of crypttab, an image that is older than what it was made of.
 */
import { isRoot, type UnlockDelivery } from "../model/volume.ts";
import { type InitramfsTool, initramfsCommand, initramfsTools, isUnchanged, ownFiles } from "./initramfs.ts";
import { SETTINGS } from "./initramfs-image.ts";
import type { PreflightFiles, PreflightLine } from "./preflight.ts";

/** Is it opened before there is a system? */
export function isInitramfss(delivery: UnlockDelivery, files: PreflightFiles): boolean {
  return isRoot(delivery) || settingsOf(files).VOLUMES?.split(" ").includes(delivery.name) === true;
}

export function initramfsPreflight({ name }: UnlockDelivery, files: PreflightFiles): PreflightLine[] {
  const settings = settingsOf(files);
  if (settings.VOLUMES?.split(" ").includes(name) !== true)
    return [
      line("wrong", "not told of it: at the next boot somebody has to type a key: keyward disk initramfs"),
    ];
  const tool = toolOf(files);
  if (tool === null) return [line("wrong", `no hook of its tools is there: keyward disk initramfs ${name}`)];
  const lines = [
    ...hooks(tool, name, files),
    ...crypttab(tool, name, files),
    ...image(tool, settings, files),
  ];
  if (settings.IDENTITY === "kept")
    lines.push(line("warning", "its image holds this node's private key: who reads it can ask as this node"));
  return lines.some(({ state }) => state === "wrong") ? lines : [...lines, line("ok", `${tool} opens it`)];
}

function hooks(tool: InitramfsTool, name: string, files: PreflightFiles): PreflightLine[] {
  return ownFiles(tool).flatMap(({ path }) => {
    const text = files.read(path);
    if (text === null) return line("wrong", `${path} is missing: keyward disk initramfs ${name}`);
    return isUnchanged(text) ? [] : line("warning", `somebody has changed ${path}`);
  });
}

function crypttab(tool: InitramfsTool, name: string, files: PreflightFiles): PreflightLine[] {
  const lines = (files.read("/etc/crypttab") ?? "").split("\n").map((one) => one.trim().split(/\s+/));
  const fields = lines.find(([first]) => first === name);
  if (fields === undefined)
    return [line("wrong", "not in /etc/crypttab: keyward disk initramfs prints its line")];
  const [, , , text = ""] = fields;
  const wanted = tool === "dracut" ? ["luks"] : ["initramfs", "keyscript=/etc/keyward/initramfs/keyscript"];
  const missing = wanted.filter((option) => !text.split(",").includes(option));
  return missing.map((option) => line("wrong", `${option} is missing in /etc/crypttab`));
}

/** What it cannot do without. */
const sources = ["ca.pem", "server.json"];

function image(
  tool: InitramfsTool,
  { STATE = "", IDENTITY, SEED = "" }: Settings,
  files: PreflightFiles,
): PreflightLine[] {
  const { stat } = files;
  if (stat === undefined) return [];
  const images = (files.list("/boot") ?? []).filter((one) => /^(?:initrd\.img|initramfs)-/.test(one));
  const found = images.flatMap((one) => stat(`/boot/${one}`) ?? []);
  if (found.length === 0) return [line("warning", "no image of an initramfs is in /boot")];
  const made = Math.min(...found.map((one) => one.modified));
  const of = [SETTINGS, ...sources.map((one) => `${STATE}/${one}`), ...(SEED.startsWith("/") ? [SEED] : [])];
  const later = of.filter((path) => (stat(path)?.modified ?? 0) > made);
  const lines = later.map((path) =>
    line("warning", `an image is older than ${path}: ${initramfsCommand(tool)}`),
  );
  if (IDENTITY === "kept" && found.some(({ mode }) => (mode & 0o077) !== 0))
    lines.push(line("wrong", "its image holds this node's private key, and others may read it: chmod 0600"));
  return lines;
}

type Settings = Readonly<Record<string, string | undefined>>;

function settingsOf(files: PreflightFiles): Settings {
  const found = (files.read(SETTINGS) ?? "").matchAll(/^([A-Z]+)='([^']*)'$/gm);
  return Object.fromEntries([...found].map(([, name = "", value]) => [name, value]));
}

/** Of which there are files. */
function toolOf(files: PreflightFiles): InitramfsTool | null {
  return initramfsTools.find((tool) => ownFiles(tool).some(({ path }) => files.read(path) !== null)) ?? null;
}

const line = (state: PreflightLine["state"], says: string): PreflightLine => ({
  check: "initramfs",
  state,
  says,
});
