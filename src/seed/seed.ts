/**
 * Seed: what a machine keeps instead of keys: the places where its seed lies, sealed; the seed, opened; and the keys
 * that follow from it, as programs read them. Whoever opens a seed disposes of it.
 */
export {
  defaultEncoding,
  encodeKey,
  encodePublicHalf,
  encodingsOf,
  type PublicHalf,
  publicHalf,
} from "./encode.ts";
export { type MachineSeed, noSeed, openEnvelope, openMachineSeed } from "./machine-seed.ts";
export { type Openers, sealAnew, type UnsealedSeed, unsealSeed } from "./unseal.ts";
