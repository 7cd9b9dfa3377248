/** Mapped: which names device-mapper has now, as the kernel shows them in sysfs (its Documentation/ABI/testing/sysfs-block-dm). */
import { readdir, readFile } from "node:fs/promises";

/** @returns Whether there is one of this name, in whatever state; `null` where sysfs is not there to say so. */
export async function isMapped(name: string, blockDevices = "/sys/block"): Promise<boolean | null> {
  try {
    const devices = (await readdir(blockDevices)).filter((one) => one.startsWith("dm-"));
    const names = await Promise.all(devices.map((one) => nameOf(`${blockDevices}/${one}/dm/name`)));
    return names.includes(name);
  } catch {
    return null;
  }
}

/** @returns `null` for one that goes just now. */
async function nameOf(path: string): Promise<string | null> {
  try {
    return (await readFile(path, "utf8")).replace(/\n$/, "");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENODEV") return null;
    throw error;
  }
}
