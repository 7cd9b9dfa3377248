import assert from "node:assert/strict";
import { test } from "node:test";
import type { UnixMs } from "../base/time.ts";
import { createBuckets, limitedAddress } from "./limits.ts";

test("a bucket gives its burst, then its rate", () => {
  let now = 0;
  const buckets = createBuckets({ perSecond: 10, burst: 3 }, () => now as UnixMs);
  assert.deepEqual(
    [1, 2, 3, 4].map(() => buckets.take("a")),
    [true, true, true, false],
  );
  assert.equal(buckets.take("b"), true);
  now = 100;
  assert.equal(buckets.take("a"), true);
  assert.equal(buckets.take("a"), false);
  now = 60_000;
  assert.deepEqual(
    [1, 2, 3, 4].map(() => buckets.take("a")),
    [true, true, true, false],
  );
});

test("a clock that goes back gives nothing and breaks nothing", () => {
  let now = 10_000;
  const buckets = createBuckets({ perSecond: 1, burst: 1 }, () => now as UnixMs);
  assert.equal(buckets.take("a"), true);
  now = 0;
  assert.equal(buckets.take("a"), false);
  now = 1000;
  assert.equal(buckets.take("a"), true);
});

test("many keys do not grow the table, and the newest empty bucket stays empty", () => {
  const buckets = createBuckets({ perSecond: 0, burst: 1 }, () => 0 as UnixMs, 100);
  for (let i = 0; i < 1000; i++) assert.equal(buckets.take(`k${i}`), true);
  assert.equal(buckets.take("k999"), false);
  assert.equal(buckets.take("k0"), true);
});

test("addresses are counted by IPv4 address or by IPv6 /64", () => {
  assert.equal(limitedAddress("::ffff:10.1.2.3"), "10.1.2.3");
  assert.equal(limitedAddress("10.1.2.3"), "10.1.2.3");
  assert.equal(limitedAddress("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2");
  assert.equal(limitedAddress("2001:db8::6"), "2001:db8:0:0");
  assert.equal(limitedAddress("fe80::1%eth0"), "fe80:0:0:0");
  assert.equal(limitedAddress("::1"), "0:0:0:0");
  assert.equal(limitedAddress(undefined), "unknown");
});
