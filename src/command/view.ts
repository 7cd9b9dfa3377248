/** How single facts look to a person: times, states, changes of the plan, explanations. */
import type { ResponseOf } from "../api/shapes.ts";
import { type DurationMs, formatDuration, toIso, type UnixMs } from "../base/time.ts";
import type { VersionState } from "../model/key.ts";
import type { Block } from "./output.ts";
import type { Cell, Style } from "./terminal.ts";

/** `2026-11-22 10:40:51Z` */
export function time(at: number | undefined): string {
  if (at === undefined) return "";
  return toIso(at as UnixMs)
    .replace("T", " ")
    .replace(/\.\d+Z$/, "Z");
}

export function duration(length: number): string {
  return formatDuration(length as DurationMs);
}

const stateStyles: Readonly<Record<string, Style>> = {
  active: "green",
  primary: "green",
  unsealed: "green",
  ok: "green",
  pending: "yellow",
  retiring: "yellow",
  sealed: "yellow",
  frozen: "red",
  revoked: "red",
  denied: "red",
  failed: "red",
  uninitialised: "red",
  destroyed: "dim",
};

export function state(text: string): Cell {
  const style = stateStyles[text];
  return style === undefined ? text : { text, style };
}

/** `retiring until 2026-…` */
export function versionState(of: VersionState | { kind: string; until?: number; at?: number }): Cell {
  const until = "until" in of && of.until !== undefined ? ` until ${time(of.until)}` : "";
  const at = "at" in of && of.at !== undefined ? ` ${time(of.at)}` : "";
  return { text: `${of.kind}${until}${at}`, style: stateStyles[of.kind] ?? "dim" };
}

type PlanLines = ResponseOf<"plan.show">["lines"];

/** Who gains and who loses what. */
export function planBlock(lines: PlanLines): Block {
  const marks: Readonly<Record<string, Cell>> = {
    gain: { text: "+ gain", style: "green" },
    replace: { text: "~ replace", style: "yellow" },
    lose: { text: "- lose", style: "red" },
  };
  return {
    kind: "table",
    head: ["CHANGE", "NODE", "KEY", "VERSION", "PATH", "BECAUSE"],
    rows: lines.map((line) => [
      marks[line.change] ?? line.change,
      line.node,
      line.key,
      versionChange(line),
      line.path,
      line.reason,
    ]),
  };
}

function versionChange({ held, version }: PlanLines[number]): string {
  if (held !== undefined && version !== undefined) return `${held} → ${version}`;
  return String(version ?? held ?? "");
}

interface Explanation {
  readonly matched: boolean;
  readonly term: string;
  readonly because: string;
  readonly parts: readonly unknown[];
}

/** A match or a miss, term by term, each part below and inside of what it belongs to. */
export function explain(explanation: Explanation, depth = 0): Cell[][] {
  const mark: Cell = explanation.matched ? { text: "yes", style: "green" } : { text: "no ", style: "red" };
  const line: Cell[] = ["  ".repeat(depth + 1), mark, `  ${explanation.term}`];
  if (explanation.because !== "") line.push({ text: `  ${explanation.because}`, style: "dim" });
  return [line, ...explanation.parts.filter(isExplanation).flatMap((part) => explain(part, depth + 1))];
}

function isExplanation(part: unknown): part is Explanation {
  const { term, because, parts } = (part ?? {}) as Partial<Record<keyof Explanation, unknown>>;
  return typeof term === "string" && typeof because === "string" && Array.isArray(parts);
}

/** What a change did, or would do: the line, then who gains and loses by it. */
export function changeBlocks(line: string, effect: PlanLines = []): Block[] {
  return [{ kind: "lines", lines: [line] }, planBlock(effect)];
}

interface Delivery {
  /** The key, or the node. */
  readonly of: string;
  readonly version: number;
  readonly delivered: number;
  readonly proved?: number;
  readonly withdrawn?: number;
  readonly failed?: string;
  /** Of the public half of a derived version. */
  readonly fingerprint?: string | undefined;
}

/** What was delivered; a column more where there are public halves, and one when something went wrong. */
export function deliveriesBlock(of: string, deliveries: readonly Delivery[]): Block {
  const halves = deliveries.some(({ fingerprint }) => fingerprint !== undefined);
  const more = deliveries.some(({ failed }) => failed !== undefined);
  return {
    kind: "table",
    head: [
      ...[of, "VERSION", "DELIVERED", "PROVED", "WITHDRAWN"],
      ...(halves ? ["FINGERPRINT"] : []),
      ...(more ? ["FAILED"] : []),
    ],
    rows: deliveries.map((one) => [
      one.of,
      String(one.version),
      time(one.delivered),
      time(one.proved),
      time(one.withdrawn),
      ...(halves ? [one.fingerprint ?? ""] : []),
      ...(more ? [{ text: one.failed ?? "", style: "red" as const }] : []),
    ]),
  };
}

/** One JSON value on one line. */
export function short(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The next step when a query selects nobody and one of its fields is written as `node show` writes it: `app.port`. */
export function underscored(query: string): string {
  const dotted = /(?:^|[\s(])([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+):/.exec(query)?.[1];
  return dotted === undefined ? "" : `; in a query, parts are joined by _: ${dotted.replaceAll(".", "_")}`;
}
