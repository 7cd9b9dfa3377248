/** `keyward derive`: a key that follows from the seed, its public half, or its fingerprint. */
import path from "node:path";
import { Secret } from "../../base/secret.ts";
import { act } from "../../command/command.ts";
import { saveSecret, showSecret } from "../../command/secret-out.ts";
import type { World } from "../../command/world.ts";
import { assertAbsent } from "../../command/write-file.ts";
import { ledgerFlags } from "../../machine/ledger/ledger.ts";
import { openSeed, seedFlags } from "../../machine/open-seed.ts";
import { kindFlags } from "../../machine/realm-kind.ts";
import { keyEncodings } from "../../model/realm.ts";
import { encodeKey, encodePublicHalf, publicHalf } from "../../seed/encode.ts";
import { runnable } from "../run.ts";
import { choose } from "./derive/choose.ts";

/** The search for the primes of an RSA key takes seconds; one that takes longer than this never ends. */
const MOST_MS = 600_000;

export const command = runnable(
  "derive",
  act({
    summary: "Derive a realm's key from the seed",
    words: ["REALM"],
    flags: {
      version: { type: "string", value: "N", help: "This version instead of the current one" },
      format: {
        type: "string",
        short: "f",
        value: "FORM",
        choices: keyEncodings,
        help: `How it is written: ${keyEncodings.join(", ")}`,
      },
      public: { type: "boolean", help: "The public half instead; authorized-keys is always that" },
      fingerprint: {
        type: "boolean",
        help: "The public half's fingerprint instead, as ssh-keygen -l has it",
      },
      comment: { type: "string", value: "TEXT", help: "The comment of an OpenSSH key" },
      out: { type: "string", value: "FILE", help: "Write it to this new file, readable by its owner only" },
      reveal: { type: "boolean", help: "Show it even on a terminal" },
      ...seedFlags,
      ...ledgerFlags,
      unlisted: { type: "boolean", help: "Derive what is in no ledger: --kind says what it is" },
      ...kindFlags,
      purpose: { type: "string", value: "TEXT", help: "Parts the uses of one realm (none)" },
    },
    calls: [],
    examples: [
      "keyward derive web-1/ssh --out ssh_host_ed25519_key",
      "keyward derive web-1/ssh --format authorized-keys",
      "keyward derive web-1/ssh --fingerprint",
      "keyward derive web-1/root --version 2 | set-root-password",
      "keyward derive web-1/tls --unlisted --kind p256 --seed ./seed | openssl pkey -text",
    ],
    notes: [
      "What a realm is, how it is written and which version is current stand in the ledger: keyward realm. A realm that is not listed derives nothing, because every other text gives another key: a typo would be a wrong secret. With --unlisted it is.",
      "To a pipe go the key's bytes. The same seed, realm and version give the same bytes every time.",
    ],
    async run(session, { words: [name = ""], flags }) {
      const { world, out } = session;
      if (flags.out !== undefined) assertAbsent(path.resolve(world.cwd, flags.out), "file");
      await choose(name, flags, world);
      using machine = await openSeed(flags, world);
      const { derivation, version, half, encoding } = await choose(name, flags, world, machine.seed);
      using value = await machine.seed.derive(derivation, version, { signal: deadline(world) });
      const { kind } = derivation.kind;
      const about = { name, version, kind, half, format: encoding };
      if (flags.fingerprint === true) {
        const { fingerprint = "" } = publicHalf(derivation, value) ?? {};
        const blocks = [{ kind: "lines", lines: [fingerprint] } as const];
        out.show({ name, version, kind, fingerprint }, { blocks, names: [name] });
        return;
      }
      using encoded =
        half === "secret"
          ? encodeKey(derivation, value, encoding, flags.comment)
          : Secret.take(encodePublicHalf(derivation, value, encoding, flags.comment ?? commentOf(name)));
      if (flags.out !== undefined) saveSecret(session, flags.out, encoded, about, half);
      else showSecret(session, encoded, about, flags.reveal === true || half === "public");
    },
  }),
);

/** A public key goes where many lie: its realm tells it from others. */
function commentOf(name: string): string {
  return /\p{Cc}/u.test(name) || Buffer.byteLength(name) > 1024 ? "" : name;
}

function deadline(world: World): AbortSignal {
  return AbortSignal.any([world.interrupted, AbortSignal.timeout(MOST_MS)]);
}
