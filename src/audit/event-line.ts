/**
 * An event as text: one line of canonical JSON, the same in the store and in an exported file.
 *
 *     hash = SHA-256(canonical JSON of all members but `hash`), lower-case hex
 *     line = canonical JSON of all members
 *
 * The text is put together by hand, members in the order that canonical JSON wants, because it is written
 * for every read of every key. `event-line.test.ts` holds it against `canonicalJson`.
 *
 * Spec: docs/formats/audit.md.
 */
import { hash } from "node:crypto";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson, type JsonLimits, parseJson } from "../base/json.ts";
import type { Event } from "../model/event.ts";

/** The hash before the first event. */
export const NO_EVENT = "0".repeat(64);

/** UTF-16 units of a resource or of a text in the detail; longer ones are cut. */
const MAX_TEXT = 1024;

export type Unhashed = Omit<Event, "hash">;

interface Halves {
  /** Up to where `hash` stands. */
  readonly before: string;
  readonly after: string;
}

function halvesOf(event: Unhashed): Halves {
  const { action, at, by, detail, outcome, previous, resource, seq } = event;
  const details = detail === undefined ? "" : `,"detail":${canonicalJson(detail)}`;
  return {
    before: `{"action":${JSON.stringify(action)},"at":${at},"by":${JSON.stringify(by)}${details}`,
    after:
      `,"outcome":${JSON.stringify(outcome)},"previous":${JSON.stringify(previous)}` +
      `,"resource":${JSON.stringify(resource)},"seq":${seq}}`,
  };
}

export function hashOf(event: Unhashed): string {
  const { before, after } = halvesOf(event);
  return hash("sha256", before + after, "hex");
}

/** The line of an event that has its hash. */
export function formatEvent(event: Event): string {
  const { before, after } = halvesOf(event);
  return `${before},"hash":${JSON.stringify(event.hash)}${after}`;
}

/** Hash an event and write its line. Texts over the limit are cut first. */
export function sealEvent(event: Unhashed): { readonly hash: string; readonly line: string } {
  const { before, after } = halvesOf(cut(event));
  const digest = hash("sha256", before + after, "hex");
  return { hash: digest, line: `${before},"hash":"${digest}"${after}` };
}

function cut(event: Unhashed): Unhashed {
  const long = (text: unknown): text is string => typeof text === "string" && text.length > MAX_TEXT;
  const details = Object.entries(event.detail ?? {});
  if (!long(event.resource) && !details.some(([, value]) => long(value))) return event;
  return {
    ...event,
    resource: shorten(event.resource),
    ...(event.detail && { detail: Object.fromEntries(details.map(([k, v]) => [k, shorten(v)])) }),
  };
}

function shorten<T>(value: T): T | string {
  return typeof value === "string" && value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT - 1)}…` : value;
}

const limits: JsonLimits = { size: 262_144, depth: 3, count: 2000 };

/**
 * Read a line as an event. The text must be exactly as `formatEvent` writes it, so that no byte of it can
 * change unseen; whether the hash fits is for `chain.ts` to say.
 *
 * @throws KeywardError `malformed`, `too-large`
 */
export function parseEvent(line: string, what: string): Event {
  const event = parseJson(line, what, limits) as unknown as Event;
  if (!isEvent(event) || formatEvent(event) !== line) {
    throw new KeywardError("malformed", `${what}: not an event in its canonical form`);
  }
  return event;
}

function isEvent(value: unknown): value is Event {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { seq, at, by, action, resource, outcome, detail, previous, hash: digest } = value as Event;
  const texts: unknown[] = [by, action, resource, outcome, previous, digest];
  return (
    Number.isSafeInteger(seq) &&
    Number.isSafeInteger(at) &&
    texts.every((text) => typeof text === "string") &&
    (detail === undefined || (typeof detail === "object" && detail !== null && !Array.isArray(detail)))
  );
}

export const EVENTS = "audit/";

/** Where an event lies: `audit/` and its number in 16 digits. */
export function eventKey(seq: number): string {
  return EVENTS + String(seq).padStart(16, "0");
}
