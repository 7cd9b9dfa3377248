/**
 * Derive: keys that are made again instead of kept, a scheme a folder. A scheme turns a seed, a realm and a
 * kind into one key, always the same. Schemes are pure: they read no file and keep no state.
 */
export * as gokey from "./gokey/gokey.ts";
export * as keyward1 from "./keyward-1/keyward-1.ts";
