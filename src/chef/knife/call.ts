/** One call of a knife command: what was typed, who speaks, and where things are. */
import { existsSync } from "node:fs";
import path from "node:path";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import type { ExactObject } from "../../base/exact-json.ts";
import { present } from "../../command/read-flags.ts";
import { type Cell, textOf } from "../../command/terminal.ts";
import type { World } from "../../command/world.ts";
import { type DataBagSecret, PlainItem } from "../../formats/databag/databag.ts";
import type { ChefServer } from "../../model/chef-server.ts";
import { inEditor } from "../data-bag/editor.ts";
import { type BagPlace, placeInRepository, placeOnServer } from "../data-bag/place.ts";
import { openRepository } from "../data-bag/repository.ts";
import { readDataBagSecret } from "../data-bag/secret-flag.ts";
import { type ChefServerWords, openChefServer } from "../server-flags.ts";
import { type Desk, openDesk } from "../vault/desk.ts";
import type { KnifeConfig } from "./config.ts";
import { KnifeExit, KnifeFailure } from "./failure.ts";
import type { KnifeTyped } from "./flags.ts";
import type { KnifeUi } from "./ui.ts";

export interface KnifeCallNeeds {
  readonly world: World;
  readonly ui: KnifeUi;
  readonly typed: KnifeTyped;
  readonly config: KnifeConfig;
  /** The command's help. */
  readonly usage: string;
  /** Names of what was typed, without the command's own words. */
  readonly words: readonly string[];
}

export class KnifeCall {
  readonly ui: KnifeUi;
  readonly typed: KnifeTyped;
  readonly config: KnifeConfig;
  readonly words: readonly string[];
  readonly world: World;
  readonly #usage: string;
  readonly #open: { close(): void }[] = [];

  constructor({ world, ui, typed, config, usage, words }: KnifeCallNeeds) {
    this.ui = ui;
    this.typed = typed;
    this.config = config;
    this.words = words;
    this.world = world;
    this.#usage = usage;
  }

  /** Asked for; or it is here, and no server is named. */
  get isLocal(): boolean {
    if (this.typed.on("local_mode") || this.typed.on("repo")) return true;
    return this.config.server === undefined && existsSync(path.join(this.repository, "data_bags"));
  }

  get repository(): string {
    return this.file(this.typed.text("repo") ?? ".");
  }

  get serverWords(): ChefServerWords {
    const { server, user, key, ca } = this.config;
    return present({ "chef-server": server, "chef-user": user, "chef-key": key, "chef-ca": ca });
  }

  /** Help on standard output, and the end. */
  refuse(lead: string, why?: string): never {
    this.ui.msg(lead + this.#usage);
    if (why !== undefined) this.ui.fatal(why);
    throw new KnifeExit(1);
  }

  /** @throws KeywardError `usage`, `local`, `malformed` */
  async server(): Promise<ChefServer> {
    const server = await openChefServer({ world: this.world }, this.serverWords);
    this.#open.push(server);
    return server;
  }

  /** Data bags on the server, or in the repository here. */
  async place(): Promise<BagPlace> {
    return this.isLocal
      ? placeInRepository(openRepository(this.repository, true))
      : placeOnServer(await this.server());
  }

  /** Vaults: in the repository here unless a server is asked for, as chef-vault has it. */
  async desk(): Promise<Desk> {
    const mode = (this.typed.text("vault_mode") ?? this.config.vaultMode) === "client" ? "client" : "solo";
    const desk = await openDesk({ world: this.world }, { ...this.serverWords, mode, repo: this.repository });
    this.#open.push(desk);
    return desk;
  }

  /** The secret that was named. `null`: none. */
  secret(use: "open" | "seal"): DataBagSecret | null {
    const { typed, config } = this;
    if (typed.on("cl_secret") && typed.on("cl_secret_file"))
      this.ui.fatal("Please specify only one of --secret, --secret-file");
    if (typed.on("cl_secret"))
      this.ui.fatal("--secret is not taken: everybody on this machine can see it. Use --secret-file");
    const configured = use === "open" || typed.on("encrypt") ? config.secretFile : undefined;
    const file = typed.text("cl_secret_file") ?? configured;
    if (file !== undefined) return this.#readSecret(file, use);
    if (typed.on("encrypt"))
      this.ui.fatal("No secret or secret_file specified in config, unable to encrypt item.");
    return null;
  }

  #readSecret(file: string, use: "open" | "seal"): DataBagSecret {
    if (!existsSync(this.file(file)))
      throw new KnifeFailure("Errno::ENOENT", `No such file or directory - file not found '${file}'`);
    const out = { note: (line: Cell) => this.ui.info(textOf(line)) };
    try {
      return readDataBagSecret({ world: this.world, out }, file, "--secret-file", use);
    } catch (error) {
      if (!isKeywardError(error, "usage")) throw error;
      throw new KnifeFailure("ArgumentError", `invalid zero length secret in '${file}'`);
    }
  }

  /** @returns As the editor leaves it, or as it is without one. */
  async edited(item: ExactObject, name: string): Promise<PlainItem> {
    const plain = new PlainItem(item);
    if (this.typed.on("disable_editing")) return plain;
    try {
      return (await inEditor({ world: this.#editing() }, plain, name, null)) ?? plain;
    } catch (error) {
      if (!isKeywardError(error, "malformed")) throw error;
      throw new KnifeFailure("Chef::Exceptions::JSON::ParseError", error.message);
    }
  }

  /** The same world with the editor that knife would take. None is guessed: a script would wait for it for ever. */
  #editing(): World {
    const { EDITOR, VISUAL } = this.world.env;
    const editor = this.typed.text("editor") ?? this.config.editor ?? (EDITOR || VISUAL);
    if (editor === undefined || editor === "")
      throw new KnifeFailure(
        "RuntimeError",
        "Please set EDITOR environment variable. See https://docs.chef.io/knife_setup/ for details.",
      );
    const env = { value: { ...this.world.env, VISUAL: editor } };
    return Object.create(this.world, { env }) as World;
  }

  file(name: string): string {
    return path.resolve(this.world.cwd, name);
  }

  /** A word of the command that must be there. */
  word(at: number): string {
    const word = this.words[at];
    if (word !== undefined) return word;
    throw new KeywardError("usage", "a word is missing");
  }

  close(): void {
    for (const one of this.#open.splice(0)) one.close();
  }
}
