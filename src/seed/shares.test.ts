import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, toHex, utf8 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import { openedSeed } from "../derive/opened.ts";
import { formatShare, parseShare, type SeedShare } from "../formats/seed/seed.ts";
import type { Scheme } from "../model/realm.ts";
import { joinShares, splitSeed } from "./shares.ts";

const { splits } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../test/vectors/seed/shares.json"), "utf8"),
) as { splits: { seed: string; scheme: Scheme; threshold: number; shares: string[] }[] };
const newSeed = (): Secret => Secret.take(systemRandom(32));
const factsOf = (seed: Secret, scheme: Scheme = "keyward-1") => ({
  scheme,
  id: openedSeed(scheme, Secret.copy(seed.reveal())).id,
  generation: 7,
});
const made = (seed: Secret, count: number, threshold: number, scheme?: Scheme) =>
  splitSeed(factsOf(seed, scheme), seed, { count, threshold }, systemRandom);
const code = (wanted: string, words: RegExp) => (error: unknown) =>
  isKeywardError(error) && error.code === wanted && words.test(error.message);

test("the published shares give their seeds, any of them that are enough", async () => {
  for (const { seed, scheme, threshold, shares } of splits) {
    const parsed = shares.map((text) => parseShare(utf8(text), "vector"));
    for (let skip = 0; skip + threshold <= parsed.length; skip++) {
      const joined = await joinShares(parsed.slice(skip, skip + threshold));
      assert.equal(toHex(joined.seed.reveal()), seed);
      assert.equal(joined.scheme, scheme);
    }
    for (const [i, share] of parsed.entries())
      assert.equal(Buffer.from(formatShare(share).reveal()).toString(), shares[i]);
  }
});

test("any threshold of the shares give the seed, in any order, through their texts", async () => {
  const plans = fc.integer({ min: 2, max: 12 }).chain((count) =>
    fc.record({
      count: fc.constant(count),
      threshold: fc.integer({ min: 2, max: count }),
      order: fc.infiniteStream(fc.nat()),
    }),
  );
  await fc.assert(
    fc.asyncProperty(plans, async ({ count, threshold, order }) => {
      const seed = newSeed();
      const texts = (await made(seed, count, threshold)).map(formatShare);
      const chosen = texts.map((text) => ({ text, at: order.next().value ?? 0 })).sort((a, b) => a.at - b.at);
      const some = chosen.slice(0, threshold).map(({ text }) => parseShare(text.reveal(), "share"));
      const joined = await joinShares(some);
      assert.ok(joined.seed.equals(seed));
      assert.deepEqual(
        { scheme: joined.scheme, id: joined.id, generation: joined.generation },
        factsOf(seed),
      );
    }),
    { numRuns: 40 },
  );
});

test("too few, mixed, doubled and changed shares are refused, each with a word of its own", async () => {
  const seed = newSeed();
  const shares = (await made(seed, 5, 3)) as [SeedShare, SeedShare, SeedShare, ...SeedShare[]];
  const others = (await made(seed, 5, 3)) as typeof shares;
  const foreign = (await made(newSeed(), 5, 3)) as typeof shares;
  const [a, b, c] = shares;
  await assert.rejects(joinShares([]), code("usage", /no share/));
  await assert.rejects(joinShares([a, b]), code("usage", /2 of the 3 shares .* 1 more is needed/));
  await assert.rejects(joinShares([a, b, b]), code("usage", /share 2 is given twice/));
  await assert.rejects(joinShares([a, b, others[2]]), code("usage", /different splits/));
  await assert.rejects(joinShares([a, b, foreign[2]]), code("usage", /different seeds/));
  await assert.rejects(
    joinShares([a, b, { ...others[2], split: a.split }]),
    code("integrity", /not give the seed/),
  );
  const changed = Secret.copy(c.data.reveal());
  changed.reveal()[0] = (changed.reveal()[0] ?? 0) ^ 1;
  await assert.rejects(joinShares([a, b, { ...c, data: changed }]), code("integrity", /not give the seed/));
  const twice = { ...c, data: Secret.copy(b.data.reveal()) };
  await assert.rejects(joinShares([a, b, twice]), code("integrity", /do not go together/));
  await assert.rejects(joinShares([a, b, { ...c, threshold: 2 }]), code("usage", /different splits/));
});

test("fewer shares than the threshold say nothing: every seed fits them", async () => {
  const seed = Secret.take(new Uint8Array(32).fill(0x5a));
  const seen = new Set<number>();
  for (let round = 0; round < 3000; round++) seen.add((await made(seed, 2, 2))[0]?.data.reveal()[0] ?? -1);
  assert.equal(seen.size, 256);
});

test("gokey's material is split as well", async () => {
  const seed = Secret.take(systemRandom(284));
  const shares = await made(seed, 3, 2, "gokey-0.2");
  assert.ok((await joinShares(shares.slice(1))).seed.equals(seed));
});

test("a plan out of bounds is refused", async () => {
  for (const [count, threshold] of [
    [1, 1],
    [2, 1],
    [3, 4],
    [256, 2],
    [2.5, 2],
    [Number.NaN, 2],
  ] as const)
    await assert.rejects(made(newSeed(), count, threshold), code("usage", /want 2 to 255 shares/));
});

test("a share copied by people reads: other line ends, blanks, empty lines around it", () => {
  const [text = ""] = splits[0]?.shares ?? [];
  const parsed = parseShare(utf8(text), "share");
  for (const copied of [
    text.replaceAll("\n", "\r\n"),
    `\n\n${text.replaceAll("\n", "  \n")}\n`,
    text.trimEnd(),
  ])
    assert.ok(parseShare(utf8(copied), "share").data.equals(parsed.data));
});

test("every truncation and every changed character of a share is refused", () => {
  const [text = ""] = splits[0]?.shares ?? [];
  const bytes = utf8(text);
  for (let length = 0; length < bytes.length - 1; length++)
    assert.throws(() => parseShare(bytes.subarray(0, length), "share"), isKeywardError, `${length} bytes`);
  for (let at = 0; at < bytes.length - 1; at++)
    for (const change of [1, 0x20, 0x80]) {
      const changed = bytes.map((byte, i) => (i === at ? byte ^ change : byte));
      assert.throws(() => parseShare(changed, "share"), isKeywardError, `byte ${at} ^ ${change}`);
    }
});

test("a share whose check fits and whose numbers do not is refused", () => {
  const [text = ""] = splits[0]?.shares ?? [];
  const share = parseShare(utf8(text), "share");
  const long = { data: Secret.take(fromHex("00".repeat(32), "short")) };
  const wrong: Partial<SeedShare>[] = [
    { index: 0 },
    { index: share.count + 1 },
    { count: 256 },
    { threshold: 1 },
    { threshold: share.count + 1 },
    { generation: 0 },
    { generation: 0x1_0000_0000 },
    { seed: "x" },
    { split: "0" },
    { scheme: "gokey-0.3" as Scheme },
    long,
  ];
  for (const one of wrong)
    assert.throws(() => parseShare(formatShare({ ...share, ...one }).reveal(), "share"), isKeywardError);
});
