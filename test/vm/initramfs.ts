/**
 * Initramfs: all that a guest has before its own disk, whichever its kernel: busybox, modules, this working tree's
 * build on its own Node, programs of the host with their libraries, and the programs of test/vm/guest/.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { build } from "esbuild";
import { utf8 } from "../../src/base/bytes.ts";
import { archive, type Entry } from "./archive.ts";
import { cached, keep, root } from "./cache.ts";
import { imageOf } from "./image.ts";
import { cloudKernel, type Kernel, umlKernel } from "./kernel.ts";

/** Of the host, and where a guest has them. Real ones stand before busybox's in its PATH. */
const PROGRAMS = {
  cryptsetup: "usr/sbin/cryptsetup",
  blkid: "usr/sbin/blkid",
  mke2fs: "usr/sbin/mkfs.ext4",
  chattr: "usr/bin/chattr",
  lsattr: "usr/bin/lsattr",
  dmsetup: "usr/sbin/dmsetup",
  lvm: "usr/sbin/lvm",
  "ssh-keygen": "usr/bin/ssh-keygen",
  script: "usr/bin/script",
} as const;

const NODE = join(root, `node_modules/node-linux-${process.arch}/bin/node`);
const HOST_PATH = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Where `makeInitramfs` puts it. */
export const initramfs = cached("initramfs");

/** With what it takes to reach a system on a disk, and no more. */
export const starter = cached("starter");

/** All but that, for User Mode Linux: a disk that is only read, so that nothing is unpacked at a boot. */
export const tools = cached("tools.img");
const TOOLS_SIZE = "512M";

export async function makeInitramfs(): Promise<void> {
  const system = [...base(), ...programs(), ...product(), ...(await guestPrograms())];
  keep(initramfs, [archive([...modulesOf(cloudKernel()), ...system])]);
  keep(starter, [archive([...modulesOf(umlKernel()), ...base()])]);
  imageOf(tools, system, TOOLS_SIZE);
}

function base(): Entry[] {
  return [
    file(hostProgram("busybox"), "bin/busybox", 0o755),
    ...applets().map((name): Entry => ({ kind: "link", path: `bin/${name}`, target: "busybox" })),
    file(join(import.meta.dirname, "guest/init.sh"), "init", 0o755),
    ...["proc", "sys", "dev", "run", "tmp", "root", "mnt"].map((path): Entry => ({ kind: "folder", path })),
    text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"),
    text("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    text("etc/hosts", "127.0.0.1 localhost\n"),
  ];
}

/** The programs that busybox is. */
const applets = (): string[] =>
  execFileSync(hostProgram("busybox"), ["--list"], { encoding: "utf8" })
    .split("\n")
    .filter((name) => name !== "" && name !== "busybox");

function programs(): Entry[] {
  const found = Object.entries(PROGRAMS).map(([name, path]) => [hostProgram(name), path] as const);
  return [
    ...found.map(([from, to]) => file(from, to, 0o755)),
    ...librariesOf([NODE, hostProgram("busybox"), ...found.map(([from]) => from)]),
  ];
}

function modulesOf({ release, modules }: Kernel): Entry[] {
  const folder = `modules/${release}`;
  return [
    text(`${folder}/order`, `${modules.map((path) => basename(path)).join("\n")}\n`),
    ...modules.map((path) => file(path, `${folder}/${basename(path)}`, 0o644)),
  ];
}

/** As `npm ci && npm run build` leaves it, but for the single executable. */
export function product(): Entry[] {
  const dist = join(root, "dist");
  if (!existsSync(join(dist, "keyward.cjs"))) throw new Error("the program is not built: npm run build");
  const bundles = readdirSync(dist, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((path) => !/^dist\/(?:exe|\.new)/.test(path));
  return [
    file(join(root, "bin/keyward"), "opt/keyward/bin/keyward", 0o755),
    ...bundles.map((path) => file(join(root, path), `opt/keyward/${path}`, 0o644)),
    file(NODE, `opt/keyward/node_modules/node-linux-${process.arch}/bin/node`, 0o755),
    {
      kind: "link",
      path: "usr/bin/node",
      target: `/opt/keyward/node_modules/node-linux-${process.arch}/bin/node`,
    },
    { kind: "link", path: "usr/bin/keyward", target: "/opt/keyward/bin/keyward" },
  ];
}

export async function guestPrograms(): Promise<Entry[]> {
  const folder = join(import.meta.dirname, "guest");
  const sources = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  const { outputFiles } = await build({
    entryPoints: sources.map((name) => join(folder, name)),
    outdir: "/guest",
    outExtension: { ".js": ".cjs" },
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node24",
    sourcemap: "inline",
    write: false,
    logLevel: "warning",
  });
  return outputFiles.map(({ path, contents }) => ({
    kind: "file",
    path: path.slice(1),
    mode: 0o644,
    content: contents,
  }));
}

function hostProgram(name: string): string {
  const found = HOST_PATH.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is not installed`);
  return found;
}

/** At the places where the loader looks for them. None for a program that is linked statically. */
export function librariesOf(programs: readonly string[]): Entry[] {
  const paths = new Set<string>();
  for (const program of programs) {
    const { stdout } = spawnSync("ldd", [program], { encoding: "utf8" });
    for (const [, path] of stdout.matchAll(/(\/\S+) \(0x/g)) if (path !== undefined) paths.add(path);
  }
  return [...paths].map((path) => file(path, path.slice(1), 0o755));
}

function file(from: string, path: string, mode: number): Entry {
  return { kind: "file", path, mode, content: readFileSync(realpathSync(from)) };
}

const text = (path: string, content: string): Entry => ({
  kind: "file",
  path,
  mode: 0o644,
  content: utf8(content),
});
