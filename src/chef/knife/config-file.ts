/**
 * Knife's configuration files. `config.rb` and `knife.rb` are programs in Ruby, which are not run here: lines that set
 * a name to a text are read, with `#{current_dir}` and `#{ENV['NAME']}` in it, and every other line is passed over.
 * `credentials` is TOML, of which sections and texts are read.
 *
 *     node_name "alice"
 *     client_key "#{current_dir}/alice.pem"
 *     knife[:secret_file] = "/etc/chef/encrypted_data_bag_secret"
 */
import path from "node:path";
import type { Environment } from "../../command/environment.ts";

/** Settings by their names; those of knife itself as `knife.secret_file`. */
export type Settings = ReadonlyMap<string, string>;

const ruby =
  /^\s*(?:([a-z_]+)|knife\[:([a-z_]+)\])(?:\s*=\s*|\s+|\s*\(\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*\)?\s*(?:#.*)?$/;
const folderOfFile = /^\s*([a-z_]+)\s*=\s*(?:File\.dirname\(\s*__FILE__\s*\)|__dir__)\s*$/;

/** A text that needs Ruby to be known is left out. */
export function readRubyConfig(text: string, folder: string, env: Environment): Settings {
  const folders = new Set<string>();
  const settings = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, own] = folderOfFile.exec(line) ?? [];
    if (own !== undefined) folders.add(own);
    const [, name, ofKnife, quoted] = ruby.exec(line) ?? [];
    if (quoted === undefined) continue;
    const value = rubyText(quoted, (inner) => {
      const [, variable] = /^ENV\[["'](\w+)["']\]$/.exec(inner) ?? [];
      return variable === undefined ? (folders.has(inner) ? folder : null) : (env[variable] ?? "");
    });
    if (value !== null) settings.set(name ?? `knife.${ofKnife}`, value);
  }
  return settings;
}

function rubyText(quoted: string, find: (inner: string) => string | null): string | null {
  const inside = quoted.slice(1, -1);
  if (quoted.startsWith("'")) return inside.replace(/\\([\\'])/g, "$1");
  let known = true;
  const text = inside.replace(
    /#\{\s*([^}]*?)\s*\}|\\(.)/g,
    (_, inner: string | undefined, letter: string) => {
      if (inner === undefined) return letter === "n" ? "\n" : letter === "t" ? "\t" : letter;
      const value = find(inner);
      known &&= value !== null;
      return value ?? "";
    },
  );
  return known ? text : null;
}

const section = /^\s*\[\s*(?:"([^"]*)"|'([^']*)'|([\w.-]+))\s*\]\s*(?:#.*)?$/;
const pair = /^\s*([\w-]+)\s*=\s*(?:"([^"\\]*)"|'([^']*)')\s*(?:#.*)?$/;

/** One profile. */
export function readCredentials(text: string, profile: string): Settings {
  const settings = new Map<string, string>();
  let inside = false;
  for (const line of text.split("\n")) {
    const head = section.exec(line);
    if (head !== null) inside = (head[1] ?? head[2] ?? head[3]) === profile;
    const [, name, double, single] = pair.exec(line) ?? [];
    if (inside && name !== undefined) settings.set(name, double ?? single ?? "");
  }
  return settings;
}

/** @returns An absolute path; `~` is the home. */
export function fileIn(folder: string, home: string, name: string): string {
  return path.resolve(folder, name.replace(/^~(?=\/)/, home));
}
