/** What a vault command works with: where the vault is, whom it can be wrapped for, and who reads. */
import path from "node:path";
import { KeywardError } from "../../base/errors.ts";
import type { Flags } from "../../command/command.ts";
import { readBytes } from "../../command/read-file.ts";
import { required } from "../../command/read-flags.ts";
import type { Session } from "../../command/session.ts";
import { readRsaPrivateKey } from "../../crypto/rsa-wrap.ts";
import {
  type BagPlace,
  type PlaceWords,
  placeFlags,
  placeInRepository,
  placeOnServer,
} from "../data-bag/place.ts";
import { openRepository } from "../data-bag/repository.ts";
import { chefServerWords, openChefServer } from "../server-flags.ts";
import { type Directory, directoryInRepository, directoryOnServer } from "./directory.ts";
import type { Reader } from "./vault.ts";

export const vaultFlags = {
  mode: {
    type: "string",
    short: "M",
    value: "MODE",
    choices: ["client", "solo"],
    help: "Vaults on the Chef server, or in the repository (by what is named)",
  },
  ...placeFlags,
} as const satisfies Flags;

export interface VaultWords extends PlaceWords {
  readonly mode?: "client" | "solo";
}

export interface Desk {
  readonly place: BagPlace;
  readonly directory: Directory;
  /** @throws KeywardError `usage`, `local`, `malformed` */
  reader(): Reader;
  close(): void;
}

/** @throws KeywardError `usage`, `not-found`, `local`, `malformed` */
export async function openDesk({ world }: Pick<Session, "world">, flags: VaultWords): Promise<Desk> {
  const words = chefServerWords(world.env, flags);
  const named = words["chef-server"] !== undefined;
  const onServer = flags.mode === "client" || (flags.mode === undefined && flags.repo === undefined && named);
  const chef = named || onServer ? await openChefServer({ world }, flags) : null;
  const root = path.resolve(world.cwd, flags.repo ?? ".");
  return {
    place: onServer && chef !== null ? placeOnServer(chef) : placeInRepository(openRepository(root, true)),
    directory: chef === null ? directoryInRepository(root) : directoryOnServer(chef),
    reader: () => ({
      name: required(words["chef-user"], "chef-user"),
      key: readPrivateKey(path.resolve(world.cwd, required(words["chef-key"], "chef-key"))),
    }),
    close: () => chef?.close(),
  };
}

export async function withDesk<T>(
  session: Pick<Session, "world">,
  flags: VaultWords,
  work: (desk: Desk) => Promise<T>,
): Promise<T> {
  const desk = await openDesk(session, flags);
  try {
    return await work(desk);
  } finally {
    desk.close();
  }
}

const MAX_KEY = 65_536;

function readPrivateKey(file: string): Reader["key"] {
  const bytes = readBytes(file, "Chef key", MAX_KEY);
  try {
    return readRsaPrivateKey(bytes, `Chef key ${JSON.stringify(file)}`);
  } finally {
    bytes.fill(0);
  }
}

/** `a, b`: names, as knife takes them. @throws KeywardError `usage` */
export function namesIn(text: string | undefined, flag: string): string[] {
  if (text === undefined) return [];
  const names = text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names.length > 0) return names;
  throw new KeywardError("usage", `${flag}: want names, with commas between them`);
}
