/** `keyward audit`: who did what, and the proof that the log is whole. */
import { runnable } from "../run.ts";
import { exported } from "./audit/export.ts";
import { checkpoint, verify } from "./audit/prove.ts";
import { list, tail } from "./audit/read.ts";

export const command = runnable("audit", {
  summary: "The audit log: one event for each read, change and denial, chained by hash.",
  acts: { list, tail, verify, export: exported, checkpoint },
});
