/** Seed: a master seed as it lies on a machine (the envelope), and as several people keep it (shares). */
export { MAX_ENVELOPE_BYTES, openSeedEnvelope, readSeedFacts, sealSeed } from "./envelope.ts";
export { formatShare, MAX_SHARE_BYTES, MAX_SHARES, parseShare, type SeedShare } from "./share.ts";
