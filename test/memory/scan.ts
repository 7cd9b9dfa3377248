/**
 * Looks through another process's writable memory (Linux: /proc/PID/smaps and /proc/PID/mem) for keys: raw, in
 * hexadecimal of either case, in base64 at each of its three alignments. A fragment of 16 bytes is enough to
 * be found, because it holds a whole aligned block of 8.
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const BLOCK = 8;
const PAGE = 4096;
const CHUNK = 1 << 20;
const zeros = Buffer.alloc(PAGE);

interface Needle {
  readonly what: string;
  readonly bytes: Buffer;
}

/** @returns What was found: `root key, raw` and where, for each needle. */
export function scan(pid: number, keys: Readonly<Record<string, Uint8Array>>): string[] {
  const needles = Object.entries(keys).flatMap(([name, key]) => needlesOf(name, key));
  const table = tableOf(needles);
  const longest = Math.max(...needles.map(({ bytes }) => bytes.length));
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const found: string[] = [];
  const buffer = Buffer.alloc(CHUNK);
  try {
    for (const { from, to, name } of writable(pid)) {
      for (let at = from; at < to; at += CHUNK - longest) {
        const length = readAt(memory, buffer, at, Math.min(CHUNK, to - at));
        for (const what of search(buffer.subarray(0, length), table)) found.push(`${what} in ${name}`);
      }
    }
  } finally {
    closeSync(memory);
  }
  return found;
}

function needlesOf(name: string, key: Uint8Array): Needle[] {
  const needles: Needle[] = [];
  const add = (form: string, text: string): void =>
    void needles.push({ what: `${name}, ${form}`, bytes: Buffer.from(text, "latin1") });
  for (let at = 0; at + BLOCK <= key.length; at += BLOCK) {
    const block = Buffer.from(key.subarray(at, at + BLOCK));
    needles.push({ what: `${name}, raw`, bytes: block });
    add("hexadecimal", block.toString("hex"));
    add("upper-case hexadecimal", block.toString("hex").toUpperCase());
  }
  for (let shift = 0; shift < 3; shift++) {
    const text = Buffer.concat([Buffer.alloc(shift), key]).toString("base64");
    // Whole groups of the key alone; the first and the last may hold something else.
    const inner = text.slice(shift === 0 ? 0 : 4, -4);
    for (let at = 0; at + 12 <= inner.length; at += 12) {
      add("base64", inner.slice(at, at + 12));
      add(
        "base64url",
        inner
          .slice(at, at + 12)
          .replaceAll("+", "-")
          .replaceAll("/", "_"),
      );
    }
  }
  return needles;
}

interface Table {
  /** By the first two bytes: may a needle begin here? */
  readonly starts: Uint8Array;
  /** By the first four bytes, little-endian. */
  readonly byHead: ReadonlyMap<number, readonly Needle[]>;
}

function tableOf(needles: readonly Needle[]): Table {
  const starts = new Uint8Array(65_536);
  const byHead = new Map<number, Needle[]>();
  for (const needle of needles) {
    starts[needle.bytes.readUInt16LE(0)] = 1;
    const head = needle.bytes.readUInt32LE(0);
    byHead.set(head, [...(byHead.get(head) ?? []), needle]);
  }
  return { starts, byHead };
}

function search(memory: Buffer, { starts, byHead }: Table): string[] {
  const found: string[] = [];
  for (let page = 0; page < memory.length; page += PAGE) {
    if (zeros.equals(memory.subarray(page, page + PAGE))) continue;
    const end = Math.min(page + PAGE, memory.length - BLOCK + 1);
    let two = (memory[page] ?? 0) << 8;
    for (let i = page; i < end; i++) {
      two = (two >> 8) | ((memory[i + 1] as number) << 8);
      if (starts[two] === 1) found.push(...match(memory, i, byHead));
    }
  }
  return found;
}

function match(memory: Buffer, at: number, byHead: Table["byHead"]): string[] {
  const needles = byHead.get(memory.readUInt32LE(at)) ?? [];
  return needles
    .filter(({ bytes }) => bytes.equals(memory.subarray(at, at + bytes.length)))
    .map(({ what }) => what);
}

/** The regions that may be written and of which something is in memory or swapped out. */
function writable(pid: number): { from: number; to: number; name: string }[] {
  const regions = readFileSync(`/proc/${pid}/smaps`, "latin1").split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  return regions.flatMap((region) => {
    const [, from = "", to = "", name] =
      /^([0-9a-f]+)-([0-9a-f]+) rw\S* \S+ \S+ \S+ *(.*)/.exec(region) ?? [];
    if (from === "" || !/^(?:Rss|Swap): +[1-9]/m.test(region)) return [];
    return { from: Number.parseInt(from, 16), to: Number.parseInt(to, 16), name: name || "anonymous memory" };
  });
}

/** 0 for pages that cannot be read (guards, devices). */
function readAt(memory: number, buffer: Buffer, at: number, length: number): number {
  try {
    return readSync(memory, buffer, 0, length, at);
  } catch {
    return 0;
  }
}
