/** Where knife finds its server: in what was typed, in the environment, in its configuration files. */
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { readBytes } from "../../command/read-file.ts";
import { present } from "../../command/read-flags.ts";
import type { World } from "../../command/world.ts";
import { printable } from "../../model/name.ts";
import { chefServerWords } from "../server-flags.ts";
import { fileIn, readCredentials, readRubyConfig, type Settings } from "./config-file.ts";
import type { KnifeTyped } from "./flags.ts";

export interface KnifeConfig {
  readonly server?: string;
  readonly user?: string;
  /** A file, as its path. */
  readonly key?: string;
  /** CA certificates, as their file's path. */
  readonly ca?: string;
  readonly editor?: string;
  readonly secretFile?: string;
  readonly vaultMode?: string;
}

const MAX_CONFIG = 1_048_576;

type Place = Pick<World, "env" | "cwd" | "home">;

/** @throws KeywardError `local`, `malformed`, `too-large` */
export function knifeConfig(world: Place, typed: KnifeTyped): KnifeConfig {
  const words = chefServerWords(world.env, {});
  const typedKey = typed.text("client_key") ?? typed.text("chef_key") ?? words["chef-key"];
  const ca = typed.text("chef_ca") ?? words["chef-ca"];
  const file = configOf(world, typed.text("config_file"), typed.text("profile"));
  return present({
    ...file,
    server: typed.text("chef_server_url") ?? typed.text("chef_server") ?? words["chef-server"] ?? file.server,
    user: typed.text("node_name") ?? typed.text("chef_user") ?? words["chef-user"] ?? file.user,
    key: typedKey === undefined ? file.key : path.resolve(world.cwd, typedKey),
    ca: ca === undefined ? undefined : path.resolve(world.cwd, ca),
  });
}

function configOf(world: Place, named: string | undefined, profile = "default"): KnifeConfig {
  const { cwd, home, env } = world;
  const credentials = path.join(home, ".chef/credentials");
  const rb = named === undefined ? rubyFileOf(cwd, home) : path.resolve(cwd, named);
  if (named === undefined && rb !== null) assertOurs(rb);
  const fromRuby =
    rb === null ? {} : settingsOf(readRubyConfig(textOf(rb), path.dirname(rb), env), path.dirname(rb), home);
  if (!existsSync(credentials)) return fromRuby;
  const fromCredentials = settingsOf(
    readCredentials(textOf(credentials), profile),
    path.dirname(credentials),
    home,
  );
  return { ...fromCredentials, ...fromRuby };
}

/** The nearest `.chef`, from here upwards, then that at home. */
function rubyFileOf(cwd: string, home: string): string | null {
  const folders = [path.join(home, ".chef")];
  for (let at = cwd; ; at = path.dirname(at)) {
    folders.splice(folders.length - 1, 0, path.join(at, ".chef"));
    if (at === path.dirname(at)) break;
  }
  const files = folders.flatMap((folder) => ["config.rb", "knife.rb"].map((name) => path.join(folder, name)));
  return files.find((file) => existsSync(file)) ?? null;
}

/** It says which program edits, and which server is asked: one that lies in the way must not come from somebody else. */
function assertOurs(file: string): void {
  const { uid, mode } = statSync(file);
  const ours = uid === 0 || uid === process.getuid?.();
  if (ours && (mode & 0o002) === 0) return;
  throw new KeywardError(
    "local",
    `knife's configuration ${printable(file)}: belongs to somebody else, or everybody may change it`,
    { hint: `chmod o-w ${file}; or name it: -c ${file}` },
  );
}

function textOf(file: string): string {
  return fromUtf8(readBytes(file, "knife's configuration", MAX_CONFIG), "knife's configuration");
}

function settingsOf(settings: Settings, folder: string, home: string): KnifeConfig {
  const key = settings.get("client_key");
  const secretFile = settings.get("knife.secret_file") ?? settings.get("secret_file");
  return present({
    server: settings.get("chef_server_url"),
    user: settings.get("node_name") ?? settings.get("client_name"),
    key: key === undefined ? undefined : fileIn(folder, home, key),
    editor: settings.get("knife.editor"),
    secretFile: secretFile === undefined ? undefined : fileIn(folder, home, secretFile),
    vaultMode: settings.get("knife.vault_mode"),
  });
}
