/**
 * Question: what a program of systemd asks whoever is there: a file `ask.*` in a directory of root's, as an ini file with
 * one section, and a socket that takes the answer. Source: systemd's "Password Agents" (systemd.io/PASSWORD_AGENTS);
 * src/shared/ask-password-api.c.
 *
 *     [Ask]
 *     PID=254
 *     Socket=/run/systemd/ask-password/sck.9e2f31c0a4bd5d17
 *     NotAfter=0
 *     Id=cryptsetup:/dev/disk/by-id/virtio-data
 */

export interface Question {
  /** Who asks; to be ignored once that has ended. */
  readonly pid: number | null;
  /** The name of the answer's socket, in the directory of the question. */
  readonly socket: string;
  /** In microseconds since the machine began; 0: for as long as it takes. */
  readonly notAfter: bigint;
  /** The device whose passphrase is asked for, as crypttab names it. */
  readonly device: string;
}

export const MAX_QUESTION = 4096;
const MAX_LINES = 64;
/** The part of the protocol that is of use here; each may be there once. */
const members = ["PID", "Socket", "NotAfter", "Id"] as const;

/**
 * @param directory - Where the question lies: its socket lies there, too.
 * @returns `null` for a question that is not about a volume, and for what is none.
 */
export function parseQuestion(bytes: Uint8Array, directory: string): Question | null {
  if (bytes.byteLength > MAX_QUESTION) return null;
  const lines = Buffer.from(bytes).toString("latin1").split("\n");
  if (lines.length > MAX_LINES) return null;
  const found = new Map<string, string>();
  let section = "";
  for (const line of lines) {
    const [, head] = /^\[(.*)\]$/.exec(line) ?? [];
    if (head !== undefined) section = head;
    const at = line.indexOf("=");
    const name = line.slice(0, Math.max(0, at));
    if (section !== "Ask" || !members.some((one) => one === name)) continue;
    if (found.has(name)) return null;
    found.set(name, line.slice(at + 1));
  }
  return fromMembers(found, directory);
}

function fromMembers(found: ReadonlyMap<string, string>, directory: string): Question | null {
  const { 1: pid } = /^([1-9][0-9]{0,9})$/.exec(found.get("PID") ?? "") ?? [];
  const { 1: notAfter } = /^([0-9]{1,19})$/.exec(found.get("NotAfter") ?? "0") ?? [];
  const socket = found.get("Socket") ?? "";
  const name = socket.startsWith(`${directory}/`) ? socket.slice(directory.length + 1) : "";
  const { 1: device } =
    /^cryptsetup:(\/dev\/[A-Za-z0-9_.:@=+,/-]{1,1000})$/.exec(found.get("Id") ?? "") ?? [];
  if (!/^sck\.[A-Za-z0-9]{1,64}$/.test(name) || device === undefined || notAfter === undefined) return null;
  if (found.has("PID") && pid === undefined) return null;
  return { pid: pid === undefined ? null : Number(pid), socket: name, notAfter: BigInt(notAfter), device };
}
