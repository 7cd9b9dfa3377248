/** Header copy: a volume's header in memory, and back. cryptsetup only writes files: they lie in memory, too. */
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { Luks } from "./luks.ts";

/** LUKS2 On-Disk Format Specification 1.1: two headers of 4 MiB at most, and the key slots' area. */
const MAX_HEADER_BYTES = 134_217_728;
const TMPFS = 0x01021994;

/** @returns All that `restoreHeader` needs; the caller wipes it. @throws as `Luks.backUp` */
export async function copyHeader(luks: Pick<Luks, "backUp">, device: string): Promise<Secret> {
  return await inMemory(async (directory) => {
    const file = join(directory, "header");
    await luks.backUp(device, file);
    const bytes = readFileSync(file);
    if (bytes.length <= MAX_HEADER_BYTES) return Secret.take(bytes);
    throw new KeywardError("too-large", `device ${device}: a header of more than ${MAX_HEADER_BYTES} bytes`);
  });
}

/** @throws as `Luks.restore` */
export async function restoreHeader(
  luks: Pick<Luks, "restore">,
  device: string,
  header: Secret,
): Promise<void> {
  await inMemory(async (directory) => {
    const file = join(directory, "header");
    writeFileSync(file, header.reveal(), { mode: 0o600, flag: "wx" });
    await luks.restore(device, file);
  });
}

async function inMemory<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const base = ["/dev/shm", "/run"].find(isMemory) ?? tmpdir();
  const directory = mkdtempSync(join(base, "keyward-header-"));
  try {
    return await use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function isMemory(path: string): boolean {
  try {
    return statfsSync(path).type === TMPFS;
  } catch {
    return false;
  }
}
