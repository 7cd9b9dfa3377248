/** Steps that change something, counted, in a process that kills itself before or after one of them. */
import { type RunProgram, runProgram } from "../../src/adapters/process.ts";

export interface Stepwise {
  step<T>(work: () => Promise<T> | T): Promise<T>;
  /** Calls of cryptsetup that change a header are steps. */
  readonly run: RunProgram;
  taken(): number;
}

const changing = ["luksAddKey", "luksKillSlot", "token"];

/** @param which - From 1; 0: none. */
export function createStepwise(when: string, which: number): Stepwise {
  let left = which;
  async function step<T>(work: () => Promise<T> | T): Promise<T> {
    left--;
    if (left === 0 && when === "before") process.kill(process.pid, "SIGKILL");
    const result = await work();
    if (left === 0 && when === "after") process.kill(process.pid, "SIGKILL");
    return result;
  }
  return {
    step,
    run: (program) =>
      program.argv.some((word) => changing.includes(word))
        ? step(() => runProgram(program))
        : runProgram(program),
    taken: () => which - left,
  };
}
