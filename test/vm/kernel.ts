/**
 * Kernels: Debian's cloud kernel, unpacked and not installed, and User Mode Linux; and those of their modules that
 * a guest needs.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { tryAgain } from "./apt.ts";
import { cached } from "./cache.ts";

/** Its newest dependency names the kernel's package. */
const META = "linux-image-cloud-amd64";

/** What these depend on is found in the modules themselves. `xts` and its like are asked for by name only. */
const DISKS = "dm-mod dm-crypt xts ecb algif_skcipher".split(" ");
// dm-crypt depends on encrypted-keys, which asks for the first two by name.
const UML = ["hmac", "cbc", "overlay"];
const EMULATED = "virtio_pci virtio_blk virtio_net efivarfs aesni-intel cryptd".split(" ");

/** Where the package user-mode-linux has them. */
const UML_MODULES = "/usr/lib/uml/modules";

export interface Kernel {
  /** As `uname -r` says it. */
  readonly release: string;
  /** Files, in the order in which they are loaded. */
  readonly modules: readonly string[];
}

/** Needs `fetchKernel` to have run. */
export function cloudKernel(): Kernel & { readonly image: string } {
  const boot = cached("kernel/boot");
  const image = readdirSync(boot).find((name) => name.startsWith("vmlinuz-"));
  if (image === undefined) throw new Error(`no kernel in ${boot}: remove it and try again`);
  const release = image.slice("vmlinuz-".length);
  const modules = inOrder(cached("kernel/lib/modules", release), [...EMULATED, ...DISKS]);
  return { release, modules, image: join(boot, image) };
}

export const umlModules = (release: string): string => join(UML_MODULES, release);

export function umlKernel(): Kernel {
  const release = readdirSync(UML_MODULES)[0];
  if (release === undefined) throw new Error(`no modules in ${UML_MODULES}`);
  return { release, modules: inOrder(umlModules(release), [...UML, ...DISKS]) };
}

export function fetchKernel(): void {
  if (existsSync(cached("kernel"))) return;
  console.error(`fetching ${META} …`);
  const scratch = cached(`kernel.${process.pid}`);
  mkdirSync(scratch, { recursive: true });
  try {
    tryAgain(() => download(scratch));
    const file = readdirSync(scratch).find((path) => path.endsWith(".deb"));
    if (file === undefined) throw new Error(`${META}: nothing was downloaded`);
    execFileSync("dpkg", ["-x", file, "kernel"], { cwd: scratch });
    renameSync(join(scratch, "kernel"), cached("kernel"));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function download(folder: string): void {
  const shown = execFileSync("apt-cache", ["show", META], { encoding: "utf8", stdio: "pipe" });
  const name = /^Depends:.*?(linux-image-[0-9][^\s,]*)/m.exec(shown)?.[1];
  if (name === undefined) throw new Error(`${META} names no kernel`);
  execFileSync("apt-get", ["download", "-q", name], { cwd: folder, stdio: "pipe" });
}

/** Each after those it depends on. */
function inOrder(folder: string, wanted: readonly string[]): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".ko"),
  );
  const places = new Map(files.map((path) => [moduleName(path), join(folder, path)] as const));
  const order: string[] = [];
  const add = (name: string): void => {
    const place = places.get(name);
    if (place === undefined) throw new Error(`${folder} has no module ${name}`);
    if (order.includes(place)) return;
    for (const needed of dependencies(place)) add(needed);
    order.push(place);
  };
  for (const name of wanted) add(moduleName(`${name}.ko`));
  return order;
}

const moduleName = (path: string): string => basename(path, ".ko").replaceAll("-", "_");

/** A module's own list, `depends=a,b` in its section `.modinfo`. */
function dependencies(module: string): string[] {
  const found = /\0depends=([^\0]*)\0/.exec(readFileSync(module, "latin1"))?.[1] ?? "";
  return found
    .split(",")
    .filter((name) => name !== "")
    .map((name) => moduleName(`${name}.ko`));
}
