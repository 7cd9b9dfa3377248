/**
 * Pins: the ledgers that this user has seen, so that one signed by another key, or one from before, is noticed
 * without the seed. The first one of a seed that is seen decides the key.
 *
 *     $XDG_CONFIG_HOME/keyward/ledgers.json   { SEED: { "key": BASE64, "sequence": N }, … }
 */
import { lstatSync } from "node:fs";
import path from "node:path";
import { fromUtf8, toBase64, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { parseJson } from "../../base/json.ts";
import { memberReader } from "../../base/json-members.ts";
import { configurationOf } from "../../command/environment.ts";
import { readBytes } from "../../command/read-file.ts";
import type { World } from "../../command/world.ts";
import { makePrivateDirectory, replace } from "../../command/write-file.ts";
import type { VerifiedLedger } from "../../formats/ledger/ledger.ts";

export interface Pin {
  /** base64 */
  readonly key: string;
  readonly sequence: number;
}

type Place = Pick<World, "env" | "home">;
type Pins = Readonly<Record<string, Pin>>;

const MAX_BYTES = 4_194_304;

export function pinsFile(place: Place): string {
  return path.join(configurationOf(place), "ledgers.json");
}

/** @throws KeywardError `malformed`, `local` */
export function readPins(place: Place): Pins {
  const file = pinsFile(place);
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) return {};
  const what = `file ${JSON.stringify(file)}`;
  const read = memberReader(what);
  const text = fromUtf8(readBytes(file, "file", MAX_BYTES), what);
  const members = Object.entries(read.object(parseJson(text, what), "the whole"));
  return Object.fromEntries(
    members.map(([seed, value]) => {
      const { key, sequence } = read.object(value, seed);
      const most = Number.MAX_SAFE_INTEGER;
      return [seed, { key: read.string(key, "key"), sequence: read.whole(sequence, "sequence", 1, most) }];
    }),
  );
}

/**
 * @param own - Its key has been compared with the one that follows from the seed.
 * @throws KeywardError `integrity` when another key signed it, or it is older than one that was seen.
 */
export function assertPinned(pin: Pin | undefined, ledger: VerifiedLedger, own: boolean, place: Place): void {
  if (pin === undefined) return;
  if (!own && pin.key !== toBase64(ledger.key)) {
    throw new KeywardError(
      "integrity",
      `ledger: another key signed it than the one seen before for seed ${ledger.seed}`,
      {
        hint: `take the copy that you keep elsewhere; the keys that were seen stand in ${pinsFile(place)}`,
      },
    );
  }
  if (ledger.sequence >= pin.sequence) return;
  const what = `ledger: it is an older one: sequence ${ledger.sequence}, and ${pin.sequence} has been seen`;
  throw new KeywardError("integrity", what, {
    hint: "take the newer copy; if you put this one back yourself: --accept-older",
  });
}

/** Where nothing can be kept, nothing is: who only reads must not fail for it. */
export function pin(place: Place, { seed, key, sequence }: VerifiedLedger): void {
  const pins = readPins(place);
  const mine = { key: toBase64(key), sequence };
  if (pins[seed]?.key === mine.key && pins[seed].sequence === sequence) return;
  const file = pinsFile(place);
  try {
    makePrivateDirectory(path.dirname(file), "directory");
    replace(file, "file", utf8(`${JSON.stringify({ ...pins, [seed]: mine }, null, 2)}\n`));
  } catch {
    // A file system that is read-only, a user without a home.
  }
}
