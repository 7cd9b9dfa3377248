/**
 * What `keyward login` remembers: one server's address, its CA and a token, in a file for its owner only.
 *
 *     $XDG_CONFIG_HOME/keyward/login.json   { "address", "ca": [PEM], "token"? }
 */
import { lstatSync } from "node:fs";
import path from "node:path";
import { utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import { configurationOf } from "./environment.ts";
import { readPrivate } from "./read-file.ts";
import type { World } from "./world.ts";
import { forget, makePrivateDirectory, replace } from "./write-file.ts";

export interface Login {
  readonly address: string;
  readonly ca: readonly string[];
  readonly token?: string;
}

type Place = Pick<World, "env" | "home">;

export function loginFile(place: Place): string {
  return path.join(configurationOf(place), "login.json");
}

/** @throws KeywardError `malformed`, `local` when others may read it. */
export function readLogin(place: Place): Login | null {
  const file = loginFile(place);
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return null;
  const text = new TextDecoder().decode(readPrivate(file, "login file").reveal());
  const login = parseJson(text, `login file ${JSON.stringify(file)}`);
  if (isLogin(login)) return login;
  throw new KeywardError("malformed", `login file ${JSON.stringify(file)}: not one of ours`, {
    hint: "run: keyward login ADDRESS",
  });
}

export function writeLogin(place: Place, login: Login): string {
  const file = loginFile(place);
  makePrivateDirectory(path.dirname(file), "directory");
  replace(file, "login file", utf8(`${JSON.stringify(login, null, 2)}\n`));
  return file;
}

export function forgetLogin(place: Place): void {
  forget(loginFile(place));
}

function isLogin(value: unknown): value is Login {
  if (typeof value !== "object" || value === null) return false;
  const { address, ca, token = "" } = value as Record<string, unknown>;
  const isText = (one: unknown): boolean => typeof one === "string";
  return isText(address) && Array.isArray(ca) && ca.every(isText) && isText(token);
}
