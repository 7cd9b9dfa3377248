/** Help, made of the tables: what to type, the flags, and examples first of all. */
import { type AnyAct, type Flag, type Flags, isNoun, type Noun } from "./command.ts";
import { changesSomething, common, connecting, dryRun } from "./flags.ts";

export function helpForAct(name: string, act: AnyAct): string {
  const parts = [
    `${act.summary}\n\n  ${usageOf(name, act)}`,
    section("Examples", act.examples.map(indent)),
    ...(act.notes === undefined ? [] : [act.notes.map(wrap).join("\n\n")]),
    section("Flags", flagLines({ ...act.flags, ...(changesSomething(act) ? dryRun : {}), ...common })),
    ...(act.calls.length === 0 ? [] : [section("Where to", flagLines(connecting))]),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

export function helpForNoun(name: string, noun: Noun): string {
  const acts = Object.entries(noun.acts).map(([act, { summary }]): [string, string] => [act, summary]);
  const bare: [string, string][] = noun.bare === undefined ? [] : [["", noun.bare.summary]];
  return [
    noun.summary,
    section(
      "Commands",
      aligned([...bare, ...acts].map(([act, summary]) => [`keyward ${name} ${act}`, summary])),
    ),
    `keyward ${name} COMMAND --help shows examples and flags.\n`,
  ].join("\n\n");
}

/** `keyward key put NAME [flags]` */
export function usageOf(name: string, act: AnyAct): string {
  const rest = act.rest === undefined ? [] : [`[-- ${act.rest}]`];
  return ["keyward", name, ...act.words, "[flags]", ...rest].join(" ");
}

/** A command's help, or that of one of its acts. */
export function helpFor(name: string, tree: AnyAct | Noun, act?: string): string | null {
  if (!isNoun(tree)) return act === undefined ? helpForAct(name, tree) : null;
  if (act === undefined) return helpForNoun(name, tree);
  const found = tree.acts[act];
  return found === undefined ? null : helpForAct(`${name} ${act}`, found);
}

export function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : `${title}\n${lines.join("\n")}`;
}

export function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd());
}

function flagLines(flags: Flags): string[] {
  return aligned(Object.entries(flags).map(([name, flag]) => [flagName(name, flag), flag.help]));
}

function flagName(name: string, flag: Flag): string {
  const short = flag.short === undefined ? "    " : `-${flag.short}, `;
  const value = flag.type === "boolean" ? "" : ` ${flag.value ?? "VALUE"}`;
  return `${short}--${name}${value}${flag.multiple ? " ..." : ""}`;
}

function indent(line: string): string {
  return `  ${line}`;
}

/** Paragraphs of at most 92 columns. */
function wrap(text: string): string {
  const lines: string[] = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line.length + word.length >= 92) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n");
}
