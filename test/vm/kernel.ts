/** Kernel: Debian's cloud kernel and those of its modules that a guest needs, unpacked, not installed. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { cached } from "./cache.ts";

/** Its newest dependency names the kernel's package. */
const META = "linux-image-cloud-amd64";

/** What these depend on is found in the modules themselves. `xts` and its like are asked for by name only. */
const WANTED = [
  ..."virtio_pci virtio_blk virtio_net efivarfs dm-mod dm-crypt".split(" "),
  ..."xts ecb cryptd aesni-intel algif_skcipher".split(" "),
];

export interface Kernel {
  readonly image: string;
  /** In the order in which they are loaded. */
  readonly modules: readonly string[];
}

/** Needs `fetchKernel` to have run. */
export function kernel(): Kernel {
  const folder = cached("kernel");
  const images = readdirSync(join(folder, "boot")).filter((name) => name.startsWith("vmlinuz-"));
  const image = images[0];
  if (image === undefined) throw new Error(`no kernel in ${folder}: remove it and try again`);
  const version = image.slice("vmlinuz-".length);
  return { image: join(folder, "boot", image), modules: inOrder(join(folder, "lib/modules", version)) };
}

export function fetchKernel(): void {
  if (existsSync(cached("kernel"))) return;
  console.error(`fetching ${META} …`);
  const scratch = cached(`kernel.${process.pid}`);
  mkdirSync(scratch, { recursive: true });
  try {
    try {
      download(scratch);
    } catch {
      // The lists are absent, or older than what the mirror still has.
      execFileSync("apt-get", ["update", "-q"], { stdio: ["ignore", "ignore", "inherit"] });
      download(scratch);
    }
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
function inOrder(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".ko"),
  );
  const places = new Map(files.map((path) => [moduleName(path), join(folder, path)] as const));
  const order: string[] = [];
  const add = (name: string): void => {
    const place = places.get(name);
    if (place === undefined) throw new Error(`${META} has no module ${name}`);
    if (order.includes(place)) return;
    for (const needed of dependencies(place)) add(needed);
    order.push(place);
  };
  for (const name of WANTED) add(moduleName(`${name}.ko`));
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
