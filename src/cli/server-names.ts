/** What `init` and the server agree on: the names in the certificate, and the file with the CAs to trust. */
import { hostname } from "node:os";
import path from "node:path";
import { utf8 } from "../base/bytes.ts";
import { replace } from "../command/write-file.ts";
import type { Parts } from "../server/parts.ts";
import { files } from "./data-directory.ts";

/** How this machine is called, where it listens, and what was asked for. */
export function namesFor(host: string, asked: readonly string[]): string[] {
  const wildcard = host === "0.0.0.0" || host === "::";
  return [...new Set(["localhost", "127.0.0.1", "::1", hostname(), ...(wildcard ? [] : [host]), ...asked])];
}

/** The CA certificates to trust, for whoever works on this machine. */
export function writeCa({ authority }: Pick<Parts, "authority">, data: string): void {
  const pems = authority.show().certificates.map(({ pem }) => `${pem.trimEnd()}\n`);
  if (pems.length > 0) replace(path.join(data, files.ca), "file", utf8(pems.join("")), 0o644);
}
