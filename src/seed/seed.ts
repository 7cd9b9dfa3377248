/** Seed: what a machine keeps instead of keys, and the keys that follow from it, as programs read them. */
export {
  defaultEncoding,
  encodeKey,
  encodePublicHalf,
  encodingsOf,
  type PublicHalf,
  publicHalf,
} from "./encode.ts";
