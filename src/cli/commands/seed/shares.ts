/** `seed split`, `seed join`, `seed recover`: a seed among people, and back from them or from its place. */
import path from "node:path";
import { KeywardError } from "../../../base/errors.ts";
import type { Secret } from "../../../base/secret.ts";
import { act } from "../../../command/command.ts";
import { present, required, requiredInteger } from "../../../command/read-flags.ts";
import type { Session } from "../../../command/session.ts";
import type { World } from "../../../command/world.ts";
import { writeNew } from "../../../command/write-file.ts";
import { systemRandom } from "../../../crypto/random.ts";
import { formatShare, readSeedFacts } from "../../../formats/seed/seed.ts";
import { findSeed, openersOf, seedFlags } from "../../../machine/open-seed.ts";
import { type SealingFlags, saysSealing, sealingFlags, sealingOf } from "../../../machine/seal-seed.ts";
import { openPlace, parsePlace } from "../../../machine/seed-place.ts";
import { readShare, shareFiles } from "../../../machine/share-files.ts";
import type { SeedPlace } from "../../../model/seed-place.ts";
import { noSeed, sealAnew, type UnsealedSeed, unsealSeed } from "../../../seed/seed.ts";
import { factsBlock, factsOf, warningsBlock, warningsOf } from "./describe.ts";
import { assertEmpty } from "./new.ts";
import { openTarget, targetFlags } from "./target.ts";

export const split = act({
  summary: "Split a seed into shares for several people, any few of whom have it together",
  words: ["[PLACE]"],
  flags: {
    shares: { type: "string", value: "N", help: "How many shares: 2 to 255" },
    threshold: { type: "string", value: "N", help: "How many of them give the seed: 2 or more" },
    out: { type: "string", value: "PREFIX", help: "Write PREFIX-1.share, PREFIX-2.share, ..." },
    "passphrase-file": seedFlags["passphrase-file"],
    "key-file": seedFlags["key-file"],
  },
  calls: [],
  changes: true,
  examples: ["keyward seed split --shares 5 --threshold 3 --out web1"],
  notes: [
    "Give each file to one person and remove it here. Fewer than the threshold tell nothing of the seed. A share is text: it can be printed and typed again.",
  ],
  async run({ out, world, dryRun }, { words: [word], flags }) {
    const count = requiredInteger(flags.shares, "--shares", 2);
    const threshold = requiredInteger(flags.threshold, "--threshold", 2);
    const files = shareFiles(world, required(flags.out, "out"), { count, threshold });
    const place = await findSeed(word === undefined ? {} : { seed: word }, world);
    const envelope = await place.read("current");
    if (envelope === null) throw noSeed(place);
    const { facts, seed } = await unsealSeed(envelope, openersOf(flags, world));
    using own = seed;
    const { splitSeed } = await import("../../../seed/shares.ts");
    const shares = await splitSeed(facts, own, { count, threshold }, systemRandom);
    for (const [i, share] of shares.entries()) {
      using text = formatShare(share);
      if (!dryRun) writeNew(files[i] ?? "", "share", text.reveal());
      share.data.wipe();
    }
    // A rehearsed split is thrown away, and has no name.
    const set = dryRun ? null : (shares[0]?.split ?? null);
    const what = `${count} shares of seed ${facts.id}, any ${threshold} of which give it`;
    const line = set === null ? `would be written: ${what}` : `${what}; split ${set}`;
    out.show(
      { seed: facts.id, split: set, threshold, files, dryRun },
      { blocks: [{ kind: "lines", lines: [line, "", ...files] }], names: files },
    );
  },
});

export const join = act({
  summary: "Join shares into a sealed seed, in a new file",
  words: ["SHARE..."],
  flags: { out: { type: "string", value: "FILE", help: "The seed's new file" }, ...sealingFlags },
  calls: [],
  changes: true,
  examples: ["keyward seed join web1-1.share web1-4.share web1-5.share --out seed"],
  async run({ out, world, dryRun }, { words, flags }) {
    const file = required(flags.out, "out");
    const place = await openPlace(parsePlace(`file:${file}`, world.cwd), world);
    await assertEmpty(place);
    await putJoined({ out, dryRun }, world, place, words, flags);
  },
});

export const recover = act({
  summary: "Bring a seed back, from where it lies or from its shares, into another place",
  words: ["[SHARE...]"],
  flags: {
    from: {
      type: "string",
      value: "PLACE",
      help: "Where it lies: a file, uefi, systemd-creds, credential:NAME",
    },
    "from-passphrase-file": { type: "string", value: "FILE", help: "The passphrase that opens it there" },
    "from-key-file": { type: "string", value: "FILE", help: "The key file that opens it there" },
    ...targetFlags,
    ...sealingFlags,
  },
  calls: [],
  changes: true,
  examples: [
    "keyward seed recover --from uefi --file backup.seed --passphrase-file new.txt",
    "keyward seed recover web1-1.share web1-4.share web1-5.share --uefi --machine",
  ],
  notes: [
    "Without a flag that says what is to open it, a seed that lies somewhere is copied as it is, and opened by nobody. A place that holds a seed is refused.",
  ],
  async run({ out, world, dryRun }, { words, flags }) {
    const put = { out, dryRun };
    if (words.length > 0 === (flags.from !== undefined))
      throw new KeywardError("usage", "want either shares or --from PLACE");
    const target = await openTarget(flags, undefined, world);
    await assertEmpty(target);
    if (words.length > 0) return await putJoined(put, world, target, words, flags);
    const source = await findSeed({ seed: flags.from ?? "" }, world);
    const envelope = await source.read("current");
    if (envelope === null) throw noSeed(source);
    if (!saysSealing(flags)) return await putSeed(put, target, envelope, "copied as it is");
    const { "from-passphrase-file": file, "from-key-file": keyFile } = flags;
    const opening = present({ "passphrase-file": file, "key-file": keyFile });
    const unsealed = await unsealSeed(envelope, openersOf(opening, world));
    await putSeed(put, target, await sealFor(unsealed, flags, world), "recovered");
  },
});

type Put = Pick<Session, "out" | "dryRun">;

async function putJoined(
  put: Put,
  world: World,
  target: SeedPlace,
  files: readonly string[],
  flags: SealingFlags,
): Promise<void> {
  const { joinShares } = await import("../../../seed/shares.ts");
  const shares = files.map((file) => readShare(path.resolve(world.cwd, file)));
  const joined = await joinShares(shares);
  for (const { data } of shares) data.wipe();
  await putSeed(put, target, await sealFor({ facts: joined, seed: joined.seed }, flags, world), "joined");
}

/** @param unsealed - Its seed is wiped. */
async function sealFor(
  {
    facts,
    seed,
  }: { readonly facts: Pick<UnsealedSeed["facts"], "scheme" | "generation">; readonly seed: Secret },
  flags: SealingFlags,
  world: World,
): Promise<Uint8Array> {
  using own = seed;
  const { opener, openers } = sealingOf(flags, world);
  return await sealAnew(facts, own, opener, openers, systemRandom);
}

async function putSeed(
  { out, dryRun }: Put,
  place: SeedPlace,
  envelope: Uint8Array,
  done: string,
): Promise<void> {
  if (!dryRun) await place.create(envelope);
  const line = dryRun ? `would be ${done}` : done;
  const facts = readSeedFacts(envelope);
  const warnings = warningsOf(facts, place);
  out.show(
    { ...factsOf(facts, place.name), warnings },
    {
      blocks: [{ kind: "lines", lines: [line] }, factsBlock(facts, place.name), warningsBlock(warnings)],
      names: [facts.id],
    },
  );
}
