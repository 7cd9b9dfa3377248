/**
 * Paths: one operation's path made from its parts, and the operation found again from a request line.
 * `{name}` is one segment, `{name...}` is the rest of the path. Segments are percent-encoded UTF-8; an encoded
 * slash is refused, so that a path has one reading.
 */
import { KeywardError } from "../base/errors.ts";
import { printable } from "../model/name.ts";
import { type Operation, type OperationName, operations } from "./operations.ts";

export interface Route {
  readonly name: OperationName;
  readonly operation: Operation;
  /** The path's members, decoded. */
  readonly path: Readonly<Record<string, string>>;
}

interface Pattern {
  readonly name: OperationName;
  readonly operation: Operation;
  readonly segments: readonly string[];
}

const MAX_PATH_BYTES = 4096;

/** @throws KeywardError `usage` when a member is missing or empty. */
export function formatPath(operation: OperationName, path: Readonly<Record<string, string>> = {}): string {
  return operations[operation].path.replace(/\{([a-z]+)(\.\.\.)?\}/g, (_, name: string, rest?: string) => {
    const value = path[name];
    if (!value) throw new KeywardError("usage", `${operation}: ${name} is missing`);
    const segments = rest === undefined ? [value] : value.split("/");
    return segments.map(encodeSegment).join("/");
  });
}

/** `.` and `..` would be resolved away by whoever normalises the URL, so their dots are encoded too. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(/^\.{1,2}$/, (dots) => dots.replaceAll(".", "%2E"));
}

/** Patterns by method and first literal segments: `GET /v1/keys`. A table, built once. */
const index = buildIndex();

/**
 * @param path - The request line's path, without the query.
 * @returns The operation, or `null` when there is none with this method and path.
 * @throws KeywardError `malformed` when a segment is not decodable.
 */
export function findRoute(method: string, path: string): Route | null {
  if (path.length > MAX_PATH_BYTES || !path.startsWith("/")) return null;
  const segments = path.slice(1).split("/");
  for (const pattern of index.get(`${method} ${segments.slice(0, 2).join("/")}`) ?? []) {
    const members = match(pattern.segments, segments);
    if (members !== null) return { name: pattern.name, operation: pattern.operation, path: members };
  }
  return null;
}

function buildIndex(): ReadonlyMap<string, readonly Pattern[]> {
  const table = new Map<string, Pattern[]>();
  for (const [name, operation] of Object.entries(operations) as [OperationName, Operation][]) {
    const segments = operation.path.slice(1).split("/");
    const at = `${operation.method} ${segments.slice(0, 2).join("/")}`;
    const patterns = table.get(at) ?? [];
    patterns.push({ name, operation, segments });
    table.set(at, patterns);
  }
  return table;
}

function match(pattern: readonly string[], segments: readonly string[]): Record<string, string> | null {
  const members: Record<string, string> = {};
  for (const [i, part] of pattern.entries()) {
    if (part.endsWith("...}")) {
      if (segments.length <= i) return null;
      members[part.slice(1, -4)] = segments.slice(i).map(decodeSegment).join("/");
      return members;
    }
    const segment = segments[i];
    if (segment === undefined) return null;
    if (part.startsWith("{")) members[part.slice(1, -1)] = decodeSegment(segment);
    else if (part !== segment) return null;
  }
  return pattern.length === segments.length ? members : null;
}

function decodeSegment(segment: string): string {
  let text: string;
  try {
    text = decodeURIComponent(segment);
  } catch {
    throw new KeywardError("malformed", `path segment ${printable(segment)}: not percent-encoded UTF-8`);
  }
  if (text === "" || text.includes("/"))
    throw new KeywardError("malformed", `path segment ${printable(segment)}: empty, or an encoded slash`);
  return text;
}
