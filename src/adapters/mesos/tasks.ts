/** The answer to GET_TASKS (Mesos, `master.proto`), as far as it is read: the tasks that the master has as launched. */
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { type Json, parseJson } from "../../base/json.ts";
import { member, textOf } from "../json-member.ts";

export interface MesosTask {
  readonly id: string;
  /** `TASK_RUNNING` */
  readonly state: string;
  /** Of two labels of one name the last counts. */
  readonly labels: ReadonlyMap<string, string>;
}

const limits = { size: 67_108_864, depth: 64, count: 8_000_000 };
const what = "Mesos' answer";

/** By id: of two tasks of one id the first counts. @throws KeywardError `malformed`, `too-large` */
export function parseTasks(bytes: Uint8Array): Map<string, MesosTask> {
  const document = parseJson(fromUtf8(bytes, what), what, limits);
  if (document === null || typeof document !== "object" || Array.isArray(document))
    throw malformed("no object");
  const listed = member(member(document, "get_tasks"), "tasks") ?? [];
  if (!Array.isArray(listed)) throw malformed("tasks is no list");
  const tasks = new Map<string, MesosTask>();
  for (const one of listed) {
    const id = textOf(member(one, "task_id"), "value");
    if (!tasks.has(id)) tasks.set(id, { id, state: textOf(one, "state"), labels: labelsOf(one) });
  }
  return tasks;
}

function labelsOf(task: Json): Map<string, string> {
  const listed = member(member(task, "labels"), "labels");
  const labels = Array.isArray(listed) ? listed : [];
  return new Map(labels.map((label) => [textOf(label, "key"), textOf(label, "value")]));
}

function malformed(why: string): KeywardError {
  return new KeywardError("malformed", `${what}: ${why}`);
}
