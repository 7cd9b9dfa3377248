/** Marathon's documents, as far as they are read. Names are matched as Go's decoder does, in any case. */
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { type Json, parseJson } from "../../base/json.ts";
import { member, textOf } from "../json-member.ts";

export interface MarathonTask {
  readonly id: string;
  readonly version: string;
  /** `TASK_RUNNING`; empty where Marathon does not say, as old ones do not. */
  readonly state: string;
}

export interface MarathonApp {
  readonly id: string;
  readonly tasks: readonly MarathonTask[];
}

export interface MarathonVersion {
  readonly id: string;
  readonly version: string;
  /** Text values only: Marathon's own secrets are objects here, and nothing to us. */
  readonly env: ReadonlyMap<string, string>;
}

const limits = { size: 16_777_216, depth: 64, count: 2_000_000 };
const what = "Marathon's answer";

/** @throws KeywardError `malformed`, `too-large` */
export function parseApp(bytes: Uint8Array): MarathonApp {
  const app = member(parse(bytes), "app");
  const tasks = member(app, "tasks") ?? [];
  if (!Array.isArray(tasks)) throw malformed("tasks is no list");
  return {
    id: textOf(app, "id"),
    tasks: tasks.map((task) => ({
      id: textOf(task, "id"),
      version: textOf(task, "version"),
      state: textOf(task, "state"),
    })),
  };
}

/** @throws KeywardError `malformed`, `too-large` */
export function parseVersion(bytes: Uint8Array): MarathonVersion {
  const document = parse(bytes);
  const env = member(document, "env") ?? {};
  if (typeof env !== "object" || Array.isArray(env)) throw malformed("env is no object");
  const texts = Object.entries(env).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return { id: textOf(document, "id"), version: textOf(document, "version"), env: new Map(texts) };
}

function parse(bytes: Uint8Array): Json {
  return parseJson(fromUtf8(bytes, what), what, limits);
}

function malformed(why: string): KeywardError {
  return new KeywardError("malformed", `${what}: ${why}`);
}
