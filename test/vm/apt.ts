/** Apt: Debian's packages, downloaded and not installed. */
import { execFileSync } from "node:child_process";

/** @param cwd - Where `download` puts them. @throws Error when it fails, with the lists read anew as well. */
export function aptGet(...words: readonly string[]): void {
  tryAgain(() => execFileSync("apt-get", ["-q", ...words], { stdio: ["ignore", "ignore", "pipe"] }));
}

/** The lists may be absent, or older than what the mirror still has. */
export function tryAgain(download: () => void): void {
  try {
    download();
  } catch {
    execFileSync("apt-get", ["update", "-q"], { stdio: ["ignore", "ignore", "inherit"] });
    download();
  }
}
