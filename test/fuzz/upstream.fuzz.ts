/** Answers of Marathon and Mesos: an app, a version, a list of tasks and a task's labels; the first byte chooses. */
import { parseApp, parseVersion } from "../../src/adapters/marathon/documents.ts";
import { parseTasks } from "../../src/adapters/mesos/tasks.ts";
import { concat, utf8 } from "../../src/base/bytes.ts";
import { parseAllowedHashes, parseAllowedVars } from "../../src/formats/secretary/allowed.ts";

const doors: readonly ((bytes: Uint8Array) => unknown)[] = [
  parseApp,
  parseVersion,
  parseTasks,
  (bytes) => parseAllowedVars(Buffer.from(bytes).toString("utf8")),
  (bytes) => parseAllowedHashes(Buffer.from(bytes).toString("utf8")),
];
const at = (door: number, value: unknown): Uint8Array =>
  concat(Uint8Array.of(door), utf8(JSON.stringify(value)));
const task = { id: "t.1", version: "2024-03-05T10:11:12.134Z", state: "TASK_RUNNING" };
const labels = {
  labels: [
    { key: "DEPLOY_PUBLIC_KEY", value: "x" },
    { key: "ALLOWED_SECRETS_VARS", value: "A,B" },
  ],
};

export default {
  name: "adapters/marathon, adapters/mesos",
  examples: [
    at(0, { app: { id: "/a", tasks: [task] } }),
    at(1, { id: "/a", version: task.version, env: { A: "1", B: { secret: "x" } } }),
    at(2, {
      type: "GET_TASKS",
      get_tasks: { tasks: [{ task_id: { value: "t" }, state: task.state, labels }] },
    }),
    at(3, "A, B"),
    at(4, `A=${"x".repeat(43)}`),
  ],
  run(bytes: Uint8Array): void {
    doors[(bytes[0] ?? 0) % doors.length]?.(bytes.subarray(1));
  },
};
