/**
 * Adapters: what reaches outside of the program, a folder for each outside system. `process.ts` is the one
 * place that spawns programs; no other room may.
 */
export { type Foreground, findProgram, type RunForeground, runForeground } from "./foreground.ts";
export {
  type Conversation,
  converse,
  type End,
  PROGRAM_PATH,
  type Program,
  type Ran,
  type RunProgram,
  runProgram,
} from "./process.ts";
