/** Validate: what came in against the operation's shapes, each compiled when it is first needed. */
import type Type from "typebox";
import { Compile, type Validator } from "typebox/compile";
import { Settings } from "typebox/system";
import type { OperationName } from "../api/operations.ts";
import { type Shape, shapes } from "../api/shapes.ts";
import { KeywardError } from "../base/errors.ts";
import { printable } from "../model/name.ts";

export type InputPart = "path" | "query" | "body";
type Part = InputPart | "response";

/** All that is wrong with the largest union: eight, the library's own limit, end before the shape that was meant. */
Settings.Set({ maxErrors: 64 });

const compiled = new Map<string, Validator>();

/**
 * @throws KeywardError `usage` naming the member, never its value; also when the operation has no such part
 *   and something was sent.
 */
export function validate(operation: OperationName, part: InputPart, value: unknown): void {
  const schema = schemaOf(operation, part);
  if (schema === undefined) {
    if (isNothing(value)) return;
    throw new KeywardError("usage", `${operation}: takes no ${part}${firstMember(value)}`);
  }
  const problem = problemOf(operation, part, schema, value);
  if (problem !== null) throw new KeywardError("usage", `${operation}: ${part}${problem}`);
}

/** What is wrong with our own answer, or `null`: for tests and for whoever doubts. */
export function answerProblem(operation: OperationName, answer: unknown): string | null {
  const schema = schemaOf(operation, "response");
  return schema === undefined ? null : problemOf(operation, "response", schema, answer);
}

function schemaOf(operation: OperationName, part: Part): Type.TSchema | undefined {
  return (shapes[operation] as Shape)[part];
}

function problemOf(
  operation: OperationName,
  part: Part,
  schema: Type.TSchema,
  value: unknown,
): string | null {
  const key = `${operation} ${part}`;
  let validator = compiled.get(key);
  if (validator === undefined) {
    validator = Compile(schema);
    compiled.set(key, validator);
  }
  if (validator.Check(value)) return null;
  const first = mostTelling(validator.Errors(value));
  if (first === undefined) return " is not as described";
  return `${placeOf(first.instancePath)} ${first.message}${strangers(first)}`;
}

type Problem = ReturnType<Validator["Errors"]>[number];

/** Of several shapes, told apart by their `kind`, the one that was meant: what others lack is beside the point. */
function mostTelling(problems: readonly Problem[]): Problem | undefined {
  const kinds = problems.filter(({ keyword }) => keyword === "const");
  const others = new Set(kinds.map(branchOf));
  const meant = problems.filter((one) => branchOf(one) === null || !others.has(branchOf(one)));
  return meant.find(({ keyword }) => keyword !== "boolean" && keyword !== "anyOf") ?? kinds[0] ?? problems[0];
}

/** `#/properties/recipe/anyOf/1`, or `null` outside of any. */
function branchOf({ schemaPath }: Problem): string | null {
  return /^.*?\/anyOf\/\d+/.exec(schemaPath)?.[0] ?? null;
}

function placeOf(instancePath: string): string {
  return instancePath === "" ? "" : ` ${printable(instancePath.slice(1).replaceAll("/", "."))}`;
}

/** Names of members that do not belong: names, not values. */
function strangers(error: { keyword: string; params: object }): string {
  const names = (error.params as { additionalProperties?: unknown }).additionalProperties;
  if (error.keyword !== "additionalProperties" || !Array.isArray(names)) return "";
  return `: ${names
    .slice(0, 4)
    .map((name) => printable(String(name)))
    .join(", ")}`;
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function firstMember(value: unknown): string {
  const name = typeof value === "object" && value !== null ? Object.keys(value)[0] : undefined;
  return name === undefined ? "" : `, got ${printable(name)}`;
}
