/** Combining: operands and the words between them become one query, or a refusal with the parentheses put in. */
import type { Query } from "./ast.ts";
import { formatQuery } from "./format.ts";
import { type Cursor, refuse } from "./scan.ts";

export interface Operand {
  readonly query: Query;
  readonly at: number;
  /** Written without parentheses: these may not stand everywhere. */
  readonly bare: "not" | "all" | null;
}

export interface Joiner {
  readonly kind: "and" | "or";
  readonly at: number;
}

export function combine(cursor: Cursor, operands: readonly Operand[], joiners: readonly Joiner[]): Query {
  const [first] = joiners;
  const [only] = operands as [Operand, ...Operand[]];
  if (first === undefined) return only.query;
  const other = joiners.find((joiner) => joiner.kind !== first.kind);
  if (other !== undefined)
    throw refuse(
      cursor.text,
      other.at,
      "AND and OR are mixed here",
      suggest("put parentheses", withPrecedence(operands, joiners)),
    );
  const query: Query = { kind: first.kind, operands: operands.map((operand) => operand.query) };
  assertPlaces(cursor, operands, query);
  return query;
}

/** Servers disagree about a negation beside OR, or before something else; and about `*:*` before something. */
function assertPlaces(cursor: Cursor, operands: readonly Operand[], query: Query): void {
  for (const [i, operand] of operands.entries()) {
    const last = i === operands.length - 1;
    if (operand.bare === "not" && query.kind === "or")
      throw refuse(
        cursor.text,
        operand.at,
        "servers disagree about a negation beside OR",
        suggest("put it in parentheses", query),
      );
    if (operand.bare !== null && !last) {
      const what = operand.bare === "not" ? "a negation" : "*:*";
      throw refuse(
        cursor.text,
        operand.at,
        `servers disagree about ${what} before AND or OR`,
        suggest("put it in parentheses", query),
      );
    }
  }
}

function suggest(what: string, query: Query): string {
  const text = formatQuery(query);
  return text.length <= 400 ? `${what}: ${text}` : what;
}

/** How a mixture is mostly meant: AND binds tighter. */
function withPrecedence(operands: readonly Operand[], joiners: readonly Joiner[]): Query {
  const groups: Query[][] = [[]];
  for (const [i, operand] of operands.entries()) {
    if (i > 0 && joiners[i - 1]?.kind === "or") groups.push([]);
    groups.at(-1)?.push(operand.query);
  }
  const grouped = groups.map((group): Query => {
    const [only] = group as [Query, ...Query[]];
    return group.length === 1 ? only : { kind: "and", operands: group };
  });
  return { kind: "or", operands: grouped };
}
