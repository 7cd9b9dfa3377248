/**
 * Target: which server or local store a command works on, and as whom. Flags come before the environment,
 * the environment before what `keyward login` remembered, and without any of them the local store is used.
 *
 * A credential goes only where it was meant to: what `login` remembered is sent to no other address.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { printable } from "../model/name.ts";
import { variable } from "./environment.ts";
import { type Login, readLogin } from "./login-file.ts";
import { readPem, readPrivate } from "./read-file.ts";
import type { World } from "./world.ts";

export interface ServerTarget {
  readonly kind: "server";
  /** `https://host:port` */
  readonly address: string;
  /** PEM certificates to trust, and no others. */
  readonly ca: readonly string[];
  readonly token?: Secret;
  /** PEM. */
  readonly identity?: { readonly certificate: string; readonly key: Secret };
}

export type Target = ServerTarget | { readonly kind: "local"; readonly data: string };

/** What the flags that every connecting command has can say. */
export interface ConnectionFlags {
  readonly addr?: string;
  readonly data?: string;
  readonly "token-file"?: string;
  readonly cacert?: string;
  readonly "client-cert"?: string;
  readonly "client-key"?: string;
}

const DEFAULT_PORT = "5070";
const SYSTEM_DATA = "/var/lib/keyward";

/** @throws KeywardError `usage` for a wrong address or for flags that exclude each other, `local` for a file. */
export function findTarget(
  flags: ConnectionFlags,
  world: Pick<World, "env" | "home" | "cwd">,
  systemData = SYSTEM_DATA,
): Target {
  if (flags.addr !== undefined && flags.data !== undefined)
    throw new KeywardError("usage", "--addr and --data exclude each other", {
      hint: "--addr speaks to a server, --data opens a store on this machine",
    });
  const local = (data: string, chosen = true): Target => {
    assertOwner(flags, chosen ? {} : world.env);
    return { kind: "local", data: path.resolve(world.cwd, data) };
  };
  if (flags.data !== undefined) return local(flags.data);
  const login = readLogin(world);
  const given = flags.addr ?? variable(world.env, "KEYWARD_ADDR");
  const data = variable(world.env, "KEYWARD_DATA");
  if (given === undefined && data !== undefined) return local(data);
  const address = given === undefined ? login?.address : spellAddress(given);
  if (address === undefined) return local(defaultData(world.cwd, systemData), false);
  return serverTarget(address, flags, world, login?.address === address ? login : null);
}

const SERVER_FLAGS = ["token-file", "cacert", "client-cert", "client-key"] as const;
const CREDENTIALS = [
  "KEYWARD_TOKEN",
  "KEYWARD_TOKEN_FILE",
  "KEYWARD_CLIENT_CERT",
  "KEYWARD_CLIENT_KEY",
] as const;

/** Who opens a store itself acts as its owner: one who meant to be somebody else is told, not obeyed. */
function assertOwner(flags: ConnectionFlags, env: World["env"]): void {
  const given =
    SERVER_FLAGS.find((name) => flags[name] !== undefined) ??
    CREDENTIALS.find((name) => variable(env, name) !== undefined);
  if (given === undefined) return;
  const what = given.startsWith("KEYWARD_") ? given : `--${given}`;
  throw new KeywardError("usage", `${what} is for a server, and none is named`, {
    hint: "name it with --addr or KEYWARD_ADDR; for the store on this machine, as its owner, leave it out",
  });
}

/** Where the local store lies when nobody says it. */
export function defaultData(cwd: string, systemData = SYSTEM_DATA): string {
  return existsSync(systemData) ? systemData : path.join(cwd, ".keyward");
}

function serverTarget(
  address: string,
  flags: ConnectionFlags,
  world: Pick<World, "env" | "cwd">,
  login: Login | null,
): ServerTarget {
  const file = (flag: string | undefined, name: Parameters<typeof variable>[1]): string | undefined =>
    flag ?? variable(world.env, name);
  const caFile = file(flags.cacert, "KEYWARD_CACERT");
  const ca = caFile === undefined ? (login?.ca ?? []) : readPem(path.resolve(world.cwd, caFile));
  const identity = identityOf(
    file(flags["client-cert"], "KEYWARD_CLIENT_CERT"),
    file(flags["client-key"], "KEYWARD_CLIENT_KEY"),
    world.cwd,
  );
  const token = tokenOf(
    file(flags["token-file"], "KEYWARD_TOKEN_FILE"),
    world,
    identity ? undefined : login?.token,
  );
  return {
    kind: "server",
    address,
    ca,
    ...(token === undefined ? {} : { token }),
    ...(identity === undefined ? {} : { identity }),
  };
}

function tokenOf(
  file: string | undefined,
  world: Pick<World, "env" | "cwd">,
  remembered: string | undefined,
): Secret | undefined {
  if (file !== undefined) return readPrivate(path.resolve(world.cwd, file), "token file");
  const text = variable(world.env, "KEYWARD_TOKEN") ?? remembered;
  return text === undefined ? undefined : Secret.fromText(text);
}

function identityOf(
  certificate: string | undefined,
  key: string | undefined,
  cwd: string,
): ServerTarget["identity"] {
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined)
    throw new KeywardError("usage", "a client certificate and its key go together", {
      hint: "give both --client-cert and --client-key, or set both KEYWARD_CLIENT_CERT and KEYWARD_CLIENT_KEY",
    });
  return {
    certificate: readPem(path.resolve(cwd, certificate)).join(""),
    key: readPrivate(path.resolve(cwd, key), "client key"),
  };
}

/**
 * One spelling for one server, so that what `login` remembered is found again: `https://host:port`. The
 * port is 5070 when it is left out.
 *
 * @throws KeywardError `usage`
 */
export function spellAddress(text: string): string {
  const full = text.includes("://") ? text : `https://${text}`;
  const url = URL.canParse(full) ? new URL(full) : null;
  if (url?.protocol !== "https:" || url.pathname !== "/" || url.search + url.hash + url.username !== "")
    throw new KeywardError("usage", `address ${printable(text)}: want https://host:port`);
  // The URL class drops 443 as the scheme's default.
  const port = url.port !== "" ? url.port : /:443\/?$/.test(full) ? "443" : DEFAULT_PORT;
  return `https://${url.hostname}:${port}`;
}
