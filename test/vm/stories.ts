/**
 * Stories, two at a time, the longest first, so that none is left alone at the end. Words narrow it to those whose name
 * holds one of them: `node test/vm/stories.ts uefi`.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";

/** As they took on two idle cores; one that is not here is begun first. */
const LONGEST_FIRST = [
  "trouble",
  "root",
  "volume-rotation",
  "salt",
  "article",
  "volume",
  "rotation",
  "journey",
  "parallel",
  "uefi",
  "efivars",
  "identity",
  "disk",
  "network",
];

const words = process.argv.slice(2);
const names = readdirSync(import.meta.dirname)
  .flatMap((file) => /^(.+)\.story\.ts$/.exec(file)?.[1] ?? [])
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
  .sort((a, b) => LONGEST_FIRST.indexOf(a) - LONGEST_FIRST.indexOf(b));
if (names.length === 0) {
  console.error(`no story's name holds ${words.join(" or ")}`);
  process.exit(1);
}
const files = names.map((name) => join(import.meta.dirname, `${name}.story.ts`));
run({ files, concurrency: 2, timeout: 900_000 })
  .on("test:fail", () => {
    process.exitCode = 1;
  })
  .compose(spec)
  .pipe(process.stdout);
