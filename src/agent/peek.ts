/** Peek: what an agent's state says, read while another process has it: who this node is, and which volumes it has. */
import { KeywardError } from "../base/errors.ts";
import type { SeedSource } from "./deriver.ts";
import { openDirectory } from "./directory.ts";
import { fileError } from "./file-error.ts";
import { createDerivedIdentity, isCertificateOf } from "./identity.ts";
import { type KnownVolume, loadVolumes } from "./known-volumes.ts";
import { loadMembership, type Membership } from "./membership.ts";
import { readFile } from "./read.ts";
import type { State, StateFile } from "./state.ts";

const MAX_FILE_BYTES = 16_777_216;

/** @throws KeywardError `local` when there is no such directory, or it is not readable. */
export function peekState(path: string): Pick<State, "read" | "path"> {
  return {
    path,
    read(name: StateFile) {
      try {
        const directory = openDirectory(path);
        try {
          return readFile(directory, name, MAX_FILE_BYTES);
        } finally {
          directory.close();
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
        throw fileError(error, `${path}/${name}`);
      }
    },
  };
}

/** @param seed - Of a node whose key is derived. @throws KeywardError `local` when this host is no node. */
export async function peekMembership(path: string, seed: SeedSource | undefined): Promise<Membership> {
  const known = loadMembership(peekState(path));
  if (known === null)
    throw new KeywardError("local", `${path}: this host is no node of a server yet`, {
      hint: "run: keyward agent --server ADDRESS --ca-fingerprint SHA256 --join-token-file FILE",
    });
  if (known.key !== null) return { ...known, key: known.key, keepsKey: true };
  if (seed !== undefined) {
    const key = await createDerivedIdentity(seed).key();
    if (isCertificateOf(known.certificate, key)) return { ...known, key, keepsKey: false };
    key.wipe();
  }
  throw new KeywardError("local", `${path}: the node's key is derived, and not from this machine's seed`, {
    hint: "let the agent enrol again: keyward agent --identity derived --once",
  });
}

/** The volumes that this node was granted last. @throws KeywardError `local`, `malformed` */
export function peekVolumes(path: string): KnownVolume[] {
  return loadVolumes(peekState(path));
}
