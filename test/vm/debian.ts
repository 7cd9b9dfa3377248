/**
 * Debian: a system on a disk for machines with systemd: Debian's own packages, unpacked and not installed, so that
 * their scripts do not run; what those would have set up lies in test/vm/debian/. Keyward and the programs of
 * test/vm/guest/ are put onto it.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { aptGet } from "./apt.ts";
import { cached } from "./cache.ts";
import { link, makeImage, write } from "./image.ts";
import { guestPrograms, product } from "./initramfs.ts";

/** With all that they depend on. What a Debian has by itself is named, too: here it has nothing. */
const PACKAGES = [
  "base-files base-passwd bash coreutils dash debianutils findutils grep gzip hostname libc-bin login mawk mount",
  "procps sed tar util-linux systemd-sysv udev kmod e2fsprogs lvm2 cryptsetup-bin libstdc++6 mariadb-server",
].flatMap((line) => line.split(" "));

/** Of no use to a machine. */
const LEFT_OUT = ["./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/perl"];
const IMAGE_SIZE = "1G";

/** Debian's programs call some of theirs by names that their scripts make. */
const LINKS = { "usr/bin/awk": "mawk", "etc/mysql/my.cnf": "mariadb.cnf", "etc/mtab": "../proc/self/mounts" };

/** What a machine that lives for a minute can do without. */
const MASKED = [
  "getty.target systemd-logind.service systemd-firstboot.service systemd-sysusers.service systemd-repart.service",
  "systemd-binfmt.service systemd-pcrphase.service systemd-pcrphase-sysinit.service systemd-update-utmp.service",
  "systemd-update-utmp-runlevel.service systemd-tmpfiles-clean.timer systemd-ask-password-wall.path",
].flatMap((line) => line.split(" "));
const ENABLED = ["keyward-agent.service", "keyward-story.service"];

/** Where `makeDebian` puts it: the image of a file system. */
export const debian = cached("debian.img");

export async function makeDebian(): Promise<void> {
  const root = unpacked(PACKAGES);
  for (const made of ["guest", "opt/keyward"]) rmSync(join(root, made), { recursive: true, force: true });
  cpSync(join(import.meta.dirname, "debian"), root, { recursive: true });
  for (const unit of ["keyward-credential@.socket", "orders.service"])
    cpSync(join(import.meta.dirname, "../../contrib/systemd", unit), join(root, "etc/systemd/system", unit));
  for (const [path, target] of Object.entries(LINKS)) link(join(root, path), target);
  const units = join(root, "etc/systemd/system");
  for (const unit of MASKED) link(join(units, unit), "/dev/null");
  mkdirSync(join(units, "multi-user.target.wants"), { recursive: true });
  for (const unit of ENABLED)
    link(join(units, "multi-user.target.wants", unit), `/etc/systemd/system/${unit}`);
  for (const entry of [...product(), ...(await guestPrograms())]) write(root, entry);
  makeImage(debian, root, IMAGE_SIZE);
}

/** A folder with the packages' files and those of all that they depend on, fetched once. */
export function unpacked(packages: readonly string[]): string {
  const version = createHash("sha256").update(packages.join(" ")).digest("hex").slice(0, 12);
  const root = cached(`debian-${version}`);
  if (existsSync(root)) return root;
  console.error("fetching Debian's packages for a system on a disk …");
  const scratch = `${root}.${process.pid}`;
  const [archives, tree] = [join(scratch, "archives"), join(scratch, "root")];
  mkdirSync(join(archives, "partial"), { recursive: true });
  mkdirSync(tree);
  try {
    aptGet("install", "--yes", "--download-only", ...fromNothing(archives), ...packages);
    for (const name of ["bin", "sbin", "lib", "lib64"]) {
      mkdirSync(join(tree, "usr", name), { recursive: true });
      symlinkSync(`usr/${name}`, join(tree, name));
    }
    const without = LEFT_OUT.map((path) => `--exclude=${path}`);
    for (const name of readdirSync(archives).filter((file) => file.endsWith(".deb"))) {
      const input = execFileSync("dpkg-deb", ["--fsys-tarfile", join(archives, name)], {
        maxBuffer: 2 ** 30,
      });
      const words = ["--extract", "--directory", tree, "--keep-directory-symlink", "--no-same-owner"];
      execFileSync("tar", [...words, ...without], { input });
    }
    renameSync(tree, root);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return root;
}

/** As if nothing were installed here. */
function fromNothing(archives: string): string[] {
  const options = {
    "Dir::State::status": "/dev/null",
    "Dir::Cache::archives": archives,
    "Debug::NoLocking": "1",
    "APT::Install-Recommends": "0",
    "APT::Sandbox::User": "root",
  };
  return Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
}
