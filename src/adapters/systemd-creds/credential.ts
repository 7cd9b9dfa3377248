/** Credential: a seed that systemd decrypted and handed to this service, in a file of $CREDENTIALS_DIRECTORY. */
import { KeywardError } from "../../base/errors.ts";
import { printable } from "../../model/name.ts";
import type { SeedPlace } from "../../model/seed-place.ts";

/**
 * @param name - The credential's, for a person.
 * @param inner - Reads its file.
 */
export function createCredential(name: string, inner: Pick<SeedPlace, "read" | "inspect">): SeedPlace {
  const refuse = async (): Promise<never> => {
    throw new KeywardError(
      "local",
      `the credential ${printable(name)} is handed in by systemd, and only read`,
      {
        hint: "change the encrypted credential itself: --systemd-creds",
      },
    );
  };
  return {
    kind: "credential",
    name: `the credential ${printable(name)}`,
    read: async (slot) => (slot === "next" ? null : await inner.read("current")),
    create: refuse,
    stage: refuse,
    commit: refuse,
    erase: refuse,
    inspect: () => inner.inspect(),
    protect: async () => [],
  };
}
