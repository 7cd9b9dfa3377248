/** Which release this is: written in by the build, read from package.json when run from the sources. */
import { readFileSync } from "node:fs";

declare const KEYWARD_VERSION: string | undefined;

export const version: string = typeof KEYWARD_VERSION === "string" ? KEYWARD_VERSION : fromPackage();

function fromPackage(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
