/**
 * Host: what this machine is. Its identity seals the agent's offline bundle and tells a reboot; the facts are
 * what the node reports of itself, which never grants anything.
 */
import { readFileSync, statfsSync } from "node:fs";
import { arch, hostname, networkInterfaces, release } from "node:os";
import type { Json } from "../../base/json.ts";

export interface Host {
  /** machine-id(5): 32 hexadecimal digits, or empty where the host has none. */
  machineId(): string;
  /** Another one after each boot. */
  bootId(): string;
  facts(): { readonly [name: string]: Json };
}

export interface HostParts {
  /** Where the host's files lie; `/` unless a test says otherwise. */
  readonly root?: string;
}

export function createHost({ root = "/" }: HostParts = {}): Host {
  const read = (path: string): string => textOf(`${root.replace(/\/$/, "")}${path}`);
  return {
    machineId: () => (read("/etc/machine-id") || read("/var/lib/dbus/machine-id")).trim(),
    bootId: () => read("/proc/sys/kernel/random/boot_id").trim(),
    facts: () => ({
      hostname: hostname(),
      os: osOf(read("/etc/os-release")),
      kernel: release(),
      arch: arch(),
      addresses: addresses(),
    }),
  };
}

/** os-release(5): the machine-readable name and version. */
function osOf(text: string): { [name: string]: Json } {
  const value = (name: string): string =>
    new RegExp(`^${name}=["']?([^"'\\n]*)`, "m").exec(text)?.[1] ?? "unknown";
  return { name: value("ID"), version: value("VERSION_ID") };
}

/** Sorted, so that the same addresses make the same fact. Loopback and link-local ones say nothing. */
function addresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const worthy = all.filter((one) => !one.internal && !one.address.toLowerCase().startsWith("fe80:"));
  return [...new Set(worthy.map((one) => one.address))].sort().slice(0, 64);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** statfs(2) types of file systems that keep files in memory: tmpfs, ramfs. */
const memoryTypes: readonly number[] = [0x01021994, 0x858458f6];

/** Does this directory lie in memory? `false` also when it cannot be told. */
export function isMemoryBacked(directory: string): boolean {
  try {
    return memoryTypes.includes(statfsSync(directory).type >>> 0);
  } catch {
    return false;
  }
}
