/** Keys: values come and go as base64, and are wiped as soon as they have been handed on. */

import type { Caller } from "../../audit/audit.ts";
import { fromBase64, fromUtf8, toBase64 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { DurationMs } from "../../base/time.ts";
import type { DerivedAs, Recipe, VersionNumber } from "../../model/key.ts";
import { parseKeyName, printable } from "../../model/name.ts";
import type { Serving } from "../serving.ts";
import { type HandlersOf, limitOf } from "./handler.ts";

interface Options {
  readonly expected?: number;
  readonly retire?: number;
}

export function keyHandlers({ keyring, fleet }: Pick<Serving, "keyring" | "fleet">): HandlersOf<"key"> {
  const read = (caller: Caller, name: string, version: string | undefined) =>
    keyring.get(caller, parseKeyName(name), version === undefined ? undefined : versionOf(version));
  return {
    "key.list": (caller, { query: { prefix, after, limit } }) =>
      keyring.list(caller, { prefix, after, limit: limitOf(limit) }),
    "key.show": (caller, { path }) => keyring.show(caller, parseKeyName(path.name)),
    "key.get": async (caller, { path, query }) => {
      const { name, version, value } = await read(caller, path.name, query.version);
      using secret = value;
      return { name, version, value: toBase64(secret.reveal()) };
    },
    "key.text": async (caller, { path, query }) => {
      const { name, value } = await read(caller, path.name, query.version);
      using secret = value;
      return fromUtf8(secret.reveal(), `key ${printable(name)}`);
    },
    "key.put": async (caller, { path, body }) => {
      using value = Secret.take(fromBase64(body.value, "value"));
      return await keyring.put(caller, parseKeyName(path.name), value, optionsOf(body));
    },
    "key.generate": (caller, { path, body }) =>
      keyring.generate(caller, parseKeyName(path.name), body.recipe as Recipe, optionsOf(body)),
    "key.derive": (caller, { path, body: { derivation, encoding, number, ...options } }) =>
      keyring.derive(caller, parseKeyName(path.name), { derivation, encoding } as DerivedAs, {
        ...optionsOf(options),
        number,
      }),
    "key.rotate": (caller, { path, body }) => keyring.rotate(caller, parseKeyName(path.name), body),
    "key.rollback": (caller, { path, body }) =>
      keyring.rollback(caller, parseKeyName(path.name), body.version as VersionNumber),
    "key.destroy": (caller, { path, body }) =>
      keyring.destroy(caller, parseKeyName(path.name), body.version as VersionNumber),
    "key.remove": async (caller, { path }) => {
      const name = parseKeyName(path.name);
      const effect = fleet.previewKeyRemoval(name);
      await keyring.remove(caller, name);
      return { name, effect };
    },
    "key.history": async (caller, { path }) => {
      const key = await keyring.show(caller, parseKeyName(path.name));
      return { key, deliveries: fleet.recipients(key.name).map(deliveryOf) };
    },
  };
}

function optionsOf({ expected, retire }: Options) {
  return { expected, retire: retire as DurationMs | undefined };
}

function versionOf(text: string): VersionNumber {
  const number = Number(text);
  if (number >= 1) return number as VersionNumber;
  throw new KeywardError("usage", "version: counts from 1");
}

type Recipient = ReturnType<Serving["fleet"]["recipients"]>[number];

function deliveryOf({ node, version, delivered, proved, withdrawn, failed, shown }: Recipient) {
  return {
    node,
    version,
    delivered,
    ...(proved === undefined ? {} : { proved }),
    ...(withdrawn === undefined ? {} : { withdrawn }),
    ...(failed === undefined ? {} : { failed }),
    ...(shown === undefined ? {} : { shown }),
  };
}
