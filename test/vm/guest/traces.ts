/** Traces: does a key lie where it should not? Looks for it as bytes and as text. */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";

/** How a key could have been written down. */
export function formsOf(key: Uint8Array): Buffer[] {
  const bytes = Buffer.from(key);
  // Base64 of a key that begins one or two bytes further on looks otherwise: its middle is searched for.
  const shifted = [0, 1, 2].map((skip) => Buffer.from(bytes.subarray(skip).toString("base64").slice(0, 40)));
  return [
    bytes,
    Buffer.from(bytes.toString("hex")),
    Buffer.from(bytes.toString("hex").toUpperCase()),
    ...shifted,
  ];
}

const PART = 8 * 1024 * 1024;

/** Is it on this device, or in this file, at any place? */
export function lies(path: string, key: Uint8Array): boolean {
  const forms = formsOf(key);
  const overlap = 4 * key.length;
  const part = Buffer.alloc(PART);
  const fd = openSync(path, "r");
  try {
    for (let offset = 0; ; offset += PART - overlap) {
      const length = readSync(fd, part, 0, PART, offset);
      const seen = part.subarray(0, length);
      if (forms.some((form) => seen.includes(form))) return true;
      if (length < PART) return false;
    }
  } finally {
    closeSync(fd);
  }
}

/** The files below these folders that hold it. */
export function filesWith(folders: readonly string[], key: Uint8Array): string[] {
  const forms = formsOf(key);
  const found: string[] = [];
  for (const folder of folders)
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && forms.some((form) => readFileSync(path).includes(form))) found.push(path);
    }
  return found;
}
