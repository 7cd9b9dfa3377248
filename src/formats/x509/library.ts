/**
 * The library that writes certificates, loaded when the first one is written: it takes 170 ms and 22 MB, which no
 * command and no agent should pay that writes none.
 *
 * It wires itself by decorators and asks for the functions of the Reflect Metadata proposal, of which it
 * uses three. They are defined here, where nothing else has, just before it is loaded.
 */
import { webcrypto } from "node:crypto";

export type Library = typeof import("@peculiar/x509");

let loading: Promise<Library> | null = null;

export function loadLibrary(): Promise<Library> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Library> {
  if (!("getOwnMetadata" in Reflect)) Object.assign(Reflect, makeMetadata());
  const library = await import("@peculiar/x509");
  library.cryptoProvider.set(webcrypto as never);
  return library;
}

function makeMetadata() {
  const all = new WeakMap<object, Map<unknown, unknown>>();
  const own = (key: unknown, target: object): unknown => all.get(target)?.get(key);
  return {
    getOwnMetadata: own,
    getMetadata(key: unknown, target: object): unknown {
      for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
        if (all.get(at)?.has(key)) return own(key, at);
      }
      return undefined;
    },
    defineMetadata(key: unknown, value: unknown, target: object): void {
      const known = all.get(target) ?? new Map<unknown, unknown>();
      all.set(target, known.set(key, value));
    },
  };
}
