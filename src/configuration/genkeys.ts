/** `secretary genkeys`: key pairs in files. A key that is there is never replaced unless asked. */
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { assertAbsent, replace } from "../command/write-file.ts";
import { systemRandom } from "../crypto/random.ts";
import { formatPrivateKey, formatPublicKey, generateKeyPair } from "../formats/secretary/keys.ts";
import { printable } from "../model/name.ts";

export interface KeyFiles {
  readonly publicFile: string;
  readonly privateFile: string;
}

/** @throws KeywardError `usage` for a name that is no plain file name. */
export function keyFilesOf(directory: string, name: string): KeyFiles {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/.test(name))
    throw new KeywardError(
      "usage",
      `key name ${printable(name)}: want letters, digits, dots, dashes, underscores`,
    );
  return {
    publicFile: path.join(directory, `${name}-public-key.pem`),
    privateFile: path.join(directory, `${name}-private-key.pem`),
  };
}

/** @throws KeywardError `local` as Go says it. */
export function makeKeyDirectory(directory: string, shown: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o775 });
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    const reason =
      { ENOTDIR: "not a directory", EEXIST: "not a directory", EACCES: "permission denied" }[code] ?? code;
    throw new KeywardError(
      "local",
      `failed to create directory ${shown} (mkdir ${firstFile(directory, shown)}: ${reason})`,
    );
  }
}

/** The part of the path that is there and no directory, as it was typed. */
function firstFile(directory: string, shown: string): string {
  let [place, text] = [directory, shown.replace(/\/+$/, "")];
  while (!existsSync(place) && text.includes("/")) [place, text] = [path.dirname(place), path.dirname(text)];
  return text;
}

/** Both halves or, when one of the files is there, none. */
export function writeKeyFiles(
  { publicFile, privateFile }: KeyFiles,
  { publicText, privateText }: { readonly publicText: string; readonly privateText: Uint8Array },
  force: boolean,
): void {
  if (!force) for (const file of [publicFile, privateFile]) assertAbsent(file, "key file");
  replace(privateFile, "key file", privateText, 0o600);
  replace(publicFile, "key file", utf8(publicText), 0o644);
}

/** @param directory - As it was typed. */
export function genkeys(names: readonly string[], directory: string, cwd: string, force: boolean): void {
  const place = path.resolve(cwd, directory);
  const files = (names.length === 0 ? ["master", "config"] : names).map((name) => keyFilesOf(place, name));
  makeKeyDirectory(place, directory);
  if (!force)
    for (const file of files.flatMap(({ publicFile, privateFile }) => [publicFile, privateFile]))
      assertAbsent(file, "key file");
  for (const one of files) {
    const { publicKey, privateKey } = generateKeyPair(systemRandom);
    const privateText = utf8(formatPrivateKey(privateKey));
    writeKeyFiles(one, { publicText: formatPublicKey(publicKey), privateText }, force);
    privateText.fill(0);
    privateKey.wipe();
  }
}
