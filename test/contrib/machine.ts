/** A machine with a seed, a ledger and `keyward` on its PATH, for what runs `keyward derive`. */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { seedForTest } from "../cli/seed-for-test.ts";

export const contrib = path.join(import.meta.dirname, "../../contrib");

export interface ContribMachine {
  readonly directory: string;
  /** The whole environment: PATH, HOME, and where seed and ledger lie. */
  readonly env: Record<string, string>;
  keyward(...words: string[]): string;
  remove(): void;
}

/** Its passwords hold what breaks a shell, YAML or Jinja that is not quoted. */
const awkward = `%:"'\\{}#$\`!&|<>*?~`;

export async function contribMachine(): Promise<ContribMachine> {
  const { directory, env: seed } = await seedForTest();
  const bin = path.join(directory, "bin");
  mkdirSync(bin);
  symlinkSync(path.join(import.meta.dirname, "../../bin/keyward"), path.join(bin, "keyward"));
  const env = { ...seed, PATH: `${bin}:${process.env.PATH ?? ""}`, HOME: directory, LC_ALL: "C.UTF-8" };
  const keyward = (...words: string[]): string =>
    execFileSync(path.join(bin, "keyward"), words, { env, encoding: "utf8", cwd: directory });
  const policy = [
    "--kind",
    "password",
    "--length",
    "64",
    "--classes",
    "lower,special",
    "--specials",
    awkward,
  ];
  keyward("realm", "add", "root-password", ...policy);
  keyward("realm", "add", "web-1/ssh", "--kind", "ed25519", "--format", "openssh");
  keyward("realm", "bump", "root-password");
  return { directory, env, keyward, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
