/**
 * Salt for a guest: Debian's Python, and Salt from PyPI as `test/peers` installs it, as a disk that is
 * laid over the others.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { utf8 } from "../../src/base/bytes.ts";
import { saltPeer } from "../peers/salt.ts";
import type { Entry } from "./archive.ts";
import { cached } from "./cache.ts";
import { imageOf } from "./image.ts";
import { librariesOf } from "./initramfs.ts";

/** Of the host, and where a guest has them. Python is of the version that the packages are for. */
const PROGRAMS = {
  "/usr/bin/python3.11": "usr/bin/python3",
  // Salt asks this one where libcrypto is.
  "/sbin/ldconfig": "sbin/ldconfig",
  "/usr/bin/mountpoint": "usr/bin/mountpoint",
};
const LIBRARY = "/usr/lib/python3.11";
const SITE = "usr/lib/python3/dist-packages";
/** What nothing of Salt's imports. */
const UNUSED =
  /\/(?:pip|setuptools|pip-.*|setuptools-.*|config-3\.11.*|idlelib|lib2to3|ensurepip|turtledemo|tkinter|test|tests)$/;

export interface SaltImage {
  /** A layer for `createUmlMachine`. */
  readonly path: string;
  /** Why there is none; for a test's `skip`. */
  readonly skip: string | false;
}

export async function saltImage(): Promise<SaltImage> {
  const peer = await saltPeer("salt");
  const path = cached("salt.img");
  if (peer.bin === undefined) return { path, skip: peer.skip };
  const packages = join(peer.bin, "../lib/python3.11/site-packages");
  if (!existsSync(packages)) return { path, skip: "salt: installed for another Python than 3.11" };
  imageOf(path, entriesOf(packages), "1G");
  return { path, skip: false };
}

function entriesOf(packages: string): Entry[] {
  const files = [...filesOf(LIBRARY, LIBRARY.slice(1)), ...filesOf(packages, SITE)];
  const shared = files.map(({ from }) => from).filter((from) => /\.so(?:\.[\d.]+)?$/.test(from));
  return [
    ...librariesOf([...Object.keys(PROGRAMS), ...shared]),
    ...Object.entries(PROGRAMS).map(([from, path]) => entryOf({ from, path, mode: 0o755 })),
    ...files.map(entryOf),
    ...["call", "minion"].map((name) => scriptOf(name)),
    { kind: "file", path: "etc/ld.so.conf", mode: 0o644, content: utf8("/lib/x86_64-linux-gnu\n") },
  ];
}

interface Source {
  readonly from: string;
  readonly path: string;
  readonly mode: number;
}

function filesOf(folder: string, path: string): Source[] {
  if (UNUSED.test(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): Source[] => {
    const from = join(folder, entry.name);
    const to = `${path}/${entry.name}`;
    if (entry.isDirectory()) return filesOf(from, to);
    return existsSync(from) ? [{ from, path: to, mode: 0o644 }] : [];
  });
}

/** With its time: what Python has compiled of a file is good for that time only. */
function entryOf({ from, path, mode }: Source): Entry {
  const modified = Math.floor(statSync(from).mtimeMs / 1000);
  return { kind: "file", path, mode, content: readFileSync(from), modified };
}

function scriptOf(name: string): Entry {
  const text = `#!/usr/bin/python3\nfrom salt.scripts import salt_${name}\nsalt_${name}()\n`;
  return { kind: "file", path: `usr/bin/salt-${name}`, mode: 0o755, content: utf8(text) };
}
