/** Runs the named bench files one after the other and prints their rows as a table. */
import { cpus } from "node:os";
import { join } from "node:path";
import type { Row } from "./row.ts";

const columns = ["what", "figure", "peer", "ratio", "goal", "met", "conditions"] as const;

function print(rows: readonly Row[]): void {
  const cells = rows.map((row) =>
    columns.map((column) => (column === "met" ? (row.met ? "yes" : "NO") : (row[column] ?? "-"))),
  );
  const widths = columns.map((name, i) =>
    Math.max(name.length, ...cells.map((line) => line[i]?.length ?? 0)),
  );
  const format = (line: readonly string[]): string =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  console.log([format(columns), ...cells.map(format)].join("\n"));
}

console.log(
  `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}; server and load on this machine\n`,
);
const rows: Row[] = [];
for (const name of process.argv.slice(2)) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${name} …`);
  const bench = (await import(join(import.meta.dirname, name))) as { run(): Promise<Row[]> };
  rows.push(...(await bench.run()));
}
if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
print(rows);
