/**
 * Own image: the initramfs of a machine, made by Debian's own initramfs-tools and dracut in a Debian that is unpacked
 * and not installed, with the modules of User Mode Linux where they look for them. They run here: in the machine
 * itself, where starting a program takes long, they would take minutes.
 */
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { unpacked } from "./debian.ts";
import { link, write } from "./image.ts";
import { product } from "./initramfs.ts";
import { umlKernel, umlModules } from "./kernel.ts";

/** With all that they depend on. What a Debian has by itself is named, too: here it has nothing. */
const PACKAGES = [
  "base-files base-passwd bash coreutils dash debianutils findutils grep gzip hostname libc-bin mawk mount procps sed",
  "tar util-linux systemd-sysv udev kmod e2fsprogs cryptsetup-initramfs initramfs-tools-core klibc-utils",
  "busybox-static cpio zstd dracut-core dracut-network iproute2 libstdc++6 dpkg dbus",
].flatMap((line) => line.split(" "));

/** What the makers of an image ask of a kernel's configuration; User Mode Linux keeps it among its documents. */
const CONFIG = "/usr/share/doc/user-mode-linux/config.gz";
const MODULES = ["dm_crypt", "xts", "ecb", "hmac", "cbc", "algif_skcipher"];

export const imageTools = ["initramfs-tools", "dracut"] as const;
export type ImageTool = (typeof imageTools)[number];

export function fetchImageTools(): void {
  unpacked(PACKAGES);
}

/** @param files - Of the machine, by their paths. @returns The image. */
export async function makeOwnImage(
  tool: ImageTool,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<Buffer> {
  const root = mkdtempSync(join(tmpdir(), "keyward-image-"));
  try {
    execFileSync("cp", ["-a", "--reflink=auto", `${unpacked(PACKAGES)}/.`, root]);
    prepare(root);
    for (const [path, content] of Object.entries(files)) put(root, path, content, 0o600);
    put(root, "network", NETWORK, 0o755);
    put(root, "make", scripts[tool](umlKernel().release), 0o755);
    const namespace = ["--mount", "--pid", "--fork"];
    if (process.getuid?.() !== 0) namespace.push("--map-root-user");
    const made = [...namespace, "sh", "-c", ENTER, "sh", root];
    // Connections of the story end in their time: nobody may sleep through that.
    await promisify(execFile)("/usr/bin/unshare", made, { env: {}, maxBuffer: 2 ** 26 });
    return readFileSync(join(root, "boot/image"));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const ENTER = `set -e
mount --rbind /dev "$1/dev"
mount --rbind /sys "$1/sys"
mount -t proc proc "$1/proc"
exec chroot "$1" /make`;

function prepare(root: string): void {
  const { release, modules } = umlKernel();
  for (const file of ["passwd", "group"])
    cpSync(join(import.meta.dirname, "debian/etc", file), join(root, "etc", file));
  link(join(root, "usr/bin/awk"), "mawk");
  link(join(root, "etc/mtab"), "../proc/self/mounts");
  const kernel = join(root, "usr/lib/modules", release);
  for (const module of modules) cpSync(module, join(kernel, relative(umlModules(release), module)));
  for (const list of ["modules.builtin", "modules.builtin.modinfo", "modules.order"])
    cpSync(join(umlModules(release), list), join(kernel, list));
  put(root, `boot/config-${release}`, gunzipSync(readFileSync(CONFIG)), 0o644);
  for (const entry of product()) write(root, entry);
  chmodSync(root, 0o755);
}

function put(root: string, path: string, content: Uint8Array | string, mode: number): void {
  const place = join(root, path);
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, content, { mode });
}

/**
 * The card of User Mode Linux has no address of its own, which klibc's ipconfig and dracut's networkd want: what they
 * would do is done by hand.
 */
const NETWORK = `#!/bin/sh
case \${1-} in prereqs) exit 0 ;; esac
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
`;

/** What an administrator does: the command, its line for crypttab, and the tool itself. */
const start = (tool: ImageTool): string => `#!/bin/bash
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
chmod 0700 /var/lib/keyward-agent
depmod ${umlKernel().release}
keyward disk initramfs root --tool ${tool} --identity kept --install > /made
sed -n '/^# .etc.crypttab/,/^$/p' /made | grep -v '^#' | grep . > /etc/crypttab
`;

const scripts: Readonly<Record<ImageTool, (release: string) => string>> = {
  "initramfs-tools": (release) => `${start("initramfs-tools")}
printf 'MODULES=list\\nCOMPRESS=zstd\\nCOMPRESSLEVEL=1\\nRESUME=none\\nFSTYPE=ext4\\n' > /etc/initramfs-tools/conf.d/story
printf '%s\\n' ${MODULES.join(" ")} > /etc/initramfs-tools/modules
cp /network /etc/initramfs-tools/scripts/init-premount/network
mkinitramfs -o /boot/image ${release}
`,
  dracut: (release) => `${start("dracut")}
dracut --force --no-hostonly --no-early-microcode --compress 'zstd -1' --omit 'plymouth nfs iscsi i18n' \\
  --add-drivers '${MODULES.join(" ")}' /boot/image ${release}
`,
};
