/**
 * Machines: Keyward inside virtual machines. A story starts a machine, once for each boot; a program of
 * test/vm/guest/ runs in it and reports; each of its checks is a test of the story. docs/testing.md has the rest.
 */
import assert from "node:assert/strict";
import { appendFileSync, copyFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { archive, type Entry } from "./archive.ts";
import type { Seen, Typed } from "./watch.ts";

export interface Boot {
  /** A file of test/vm/guest/, without its ending. */
  readonly program: string;
  /** Variables for it, without spaces. */
  readonly words?: Readonly<Record<string, string>>;
  /** Cut the power at this mark of the program. */
  readonly cut?: string;
  /**
   * Of this machine's loopback: a server that the guest reaches as `keys.test`, on the port of its `KW_PORT`. Without
   * it there is no network.
   */
  readonly port?: number;
  /** Milliseconds until it is killed, where the usual ones are too few. */
  readonly deadlineMs?: number;
  /** In its memory at the start, over those that it has. */
  readonly files?: readonly Entry[];
  /** An initramfs that the machine has made for itself, in place of ours. */
  readonly image?: Uint8Array;
  /** What somebody at the console types, and after which words of it. */
  readonly typed?: Typed;
}

export interface Booted extends Seen {
  /** What firmware and kernel said. */
  readonly console: string;
}

export interface Machine {
  /** Disk and variables are as the boot before left them. */
  boot(asked: Boot): Promise<Booted>;
  remove(): void;
}

export interface Places {
  /** Device files. */
  readonly report: string;
  readonly disk: string;
  /** Where it finds the server of `port`. */
  readonly server?: { readonly address: string; readonly port: number };
}

/**
 * The words of a guest's kernel command line: its kernel hands those it does not know to `init.sh` as variables.
 */
export function wordsOf(asked: Boot, places: Places): string[] {
  const words = {
    KW_PROGRAM: asked.program,
    KW_REPORT: places.report,
    KW_DISK: places.disk,
    ...(asked.cut === undefined ? {} : { KW_CUT: encodeURIComponent(asked.cut) }),
    ...(asked.port === undefined || places.server === undefined
      ? {}
      : { KW_ADDRESS: places.server.address, KW_PORT: `${places.server.port}` }),
    ...asked.words,
  };
  return Object.entries(words).map(([name, value]) => {
    assert.doesNotMatch(value, /\s/, name);
    return `${name}=${value}`;
  });
}

/** What this boot has in its memory, at `path`. @param initramfs - What it begins with. */
export function writeInitramfs(path: string, initramfs: string, files: readonly Entry[] = []): void {
  copyFileSync(initramfs, path);
  if (files.length > 0) appendFileSync(path, archive(files));
}

/**
 * Boot, and make each check of the guest a test of its own.
 *
 * @returns What the guest told.
 */
export async function boot(t: TestContext, machine: Machine, asked: Boot): Promise<Booted["told"]> {
  const begun = performance.now();
  const booted = await machine.boot(asked);
  const words = [asked.program, asked.words?.KW_PHASE, asked.cut && `cut at ${asked.cut}`];
  t.diagnostic(`${words.filter(Boolean).join(", ")}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  for (const { name, failure, ms } of booted.checks)
    await t.test(name, (t) => {
      t.diagnostic(`${(ms / 1000).toFixed(1)} s`);
      if (failure !== null) assert.fail(failure);
    });
  const expected = asked.cut === undefined ? "off" : "cut";
  if (booted.end !== expected)
    assert.fail(`${asked.program}: ${booted.end}, not ${expected}\n${log(booted)}`);
  return booted.told;
}

function log({ noise, console }: Booted): string {
  return [...noise, ...console.split("\n").slice(-60)].join("\n");
}
