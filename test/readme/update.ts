/** Writes what the README's commands print today into the README: `node test/readme/update.ts`. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cut, formatBlock, openSession, parseBlock, type Step } from "./session.ts";

const root = join(import.meta.dirname, "../..");
const path = join(root, "README.md");
const session = openSession(root);
const parts: string[] = [];
for (const [i, part] of cut(readFileSync(path, "utf8")).entries()) {
  if (i % 2 === 0) {
    parts.push(part);
    continue;
  }
  const steps: Step[] = [];
  for (const { command } of parseBlock(part)) steps.push({ command, printed: await session.run(command) });
  parts.push(formatBlock(steps));
}
writeFileSync(path, parts.join(""));
await session.close();
