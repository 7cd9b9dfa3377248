/**
 * Claims, read strictly before anyone is asked about them: the original hands an app id to Marathon as it comes, and
 * so gives away the documents of other apps.
 */
import { KeywardError } from "../base/errors.ts";

const MAX_ID = 1024;

/**
 * `/shop/search`: rooted, of segments of letters, digits, `.`, `_` and `-`, none of them empty, `.` or `..`.
 *
 * @throws KeywardError `malformed`
 */
export function assertAppId(id: string): void {
  const isPath = id.length <= MAX_ID && /^(?:\/[A-Za-z0-9._-]+)+$/.test(id);
  if (!isPath || id.split("/").some((segment) => segment === "." || segment === ".."))
    throw new KeywardError("malformed", "appid is not the id of an app, as /shop/search");
}

/** Printable, no blanks: what Mesos takes (its ids go into paths). @throws KeywardError `malformed` */
export function assertTaskId(id: string): void {
  if (id.length > MAX_ID || !/^[\x21-\x7e]+$/.test(id) || id.includes("/") || id === "." || id === "..")
    throw new KeywardError("malformed", "taskid is not the id of a task");
}

/** What a task may be while it still starts or runs; a task that ended is nobody. */
export function isLive(state: string): boolean {
  return state === "TASK_RUNNING" || state === "TASK_STARTING" || state === "TASK_STAGING";
}
