/** How knife speaks: data on standard output, what it says of it on standard error, questions answered by a letter. */
import { plain } from "../../command/terminal.ts";
import type { World } from "../../command/world.ts";
import { KnifeExit, KnifeFailure } from "./failure.ts";
import { type KnifeFormat, layOut, lineEnded } from "./layout.ts";
import { type Shown, Words } from "./shown.ts";

/** An answer is a letter. */
const MAX_ANSWER = 4096;

export class KnifeUi {
  readonly #world: World;
  readonly #yes: boolean;
  readonly format: KnifeFormat;
  #lines: AsyncIterator<string> | undefined;

  constructor(world: World, format: KnifeFormat, yes: boolean) {
    this.#world = world;
    this.#yes = yes;
    this.format = format;
  }

  get isInterchange(): boolean {
    return this.format === "json" || this.format === "yaml";
  }

  msg(text: string): void {
    this.#world.stdout.write(this.#safe(lineEnded(text)));
  }

  output(value: Shown | Words): void {
    const text = value instanceof Words ? lineEnded(value.text) : layOut(value, this.format);
    this.#world.stdout.write(this.#safe(text));
  }

  info(line: string): void {
    this.#world.stderr.write(`${plain(line)}\n`);
  }

  warn(line: string): void {
    this.info(`WARNING: ${line}`);
  }

  error(line: string): void {
    this.info(`ERROR: ${line}`);
  }

  /** @throws KnifeExit 1 */
  fatal(line: string): never {
    this.info(`FATAL: ${line}`);
    throw new KnifeExit(1);
  }

  /** @throws KnifeExit 3 when the answer is no. */
  async confirm(question: string): Promise<void> {
    if (this.#yes) return;
    for (;;) {
      this.#world.stdout.write(this.#safe(`${plain(question)}? (Y/N) `));
      const answer = await this.#readLine();
      if (/^y$/i.test(answer)) return;
      if (/^n$/i.test(answer)) {
        this.msg("You said no, so I'm done here.");
        throw new KnifeExit(3);
      }
      this.msg(`I have no idea what to do with '${plain(answer)}'`);
      this.msg("Just say Y or N, please.");
    }
  }

  async #readLine(): Promise<string> {
    this.#lines ??= linesOf(this.#world.stdin);
    const { value, done } = await this.#lines.next();
    if (done !== true) return value;
    throw new KnifeFailure("EOFError", "end of file reached");
  }

  /** What could move the cursor does not reach a terminal. */
  #safe(text: string): string {
    if (this.#world.stdout.isTTY !== true) return text;
    return text.split("\n").map(plain).join("\n");
  }
}

async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of source) {
    rest += Buffer.from(chunk).toString("utf8");
    for (let at = rest.indexOf("\n"); at >= 0; at = rest.indexOf("\n")) {
      yield rest.slice(0, at);
      rest = rest.slice(at + 1);
    }
    if (rest.length > MAX_ANSWER) return;
  }
  if (rest !== "") yield rest;
}
