/**
 * Secretary's command line: the original's commands, flags, variables, output and exit statuses, except where it
 * is unsafe. The differences are listed in docs/formats/secretary.md.
 */
import { isKeywardError, type KeywardError } from "../base/errors.ts";
import { entriesOf } from "../command/environ.ts";
import { version } from "../command/release.ts";
import { plain } from "../command/terminal.ts";
import type { World } from "../command/world.ts";
import { daemonFlags, decryptFlags, encryptFlags, genkeysFlags } from "../configuration/flags.ts";
import { genkeys } from "../configuration/genkeys.ts";
import { keysToEncrypt, type TypedKeys } from "../configuration/keys.ts";
import { isOpened, type OpenedEntry, openEnvironment } from "../configuration/open-environment.ts";
import { openText } from "../configuration/open-text.ts";
import { createOpener } from "../configuration/opening.ts";
import {
  findCommand,
  PFlagError,
  type PFlags,
  PHelp,
  type PTyped,
  parsePFlags,
  pflagUsages,
} from "../configuration/pflag.ts";
import { MAX_DOCUMENT, MAX_VALUE, readInput } from "../configuration/read-input.ts";
import { originalWords } from "../configuration/words.ts";
import { systemRandom } from "../crypto/random.ts";
import { wrapText } from "../formats/secretary/envelope-text.ts";
import { deriveBoxKey } from "../formats/secretary/keys.ts";
import { NACL_NONCE_SIZE, sealNacl } from "../formats/secretary/nacl.ts";
import { exportLine } from "../formats/secretary/shell.ts";

interface Command {
  readonly summary: string;
  readonly flags: PFlags;
  /** @returns The exit status. */
  run(typed: PTyped, world: World): Promise<number>;
}

const commands: Readonly<Record<string, Command>> = {
  genkeys: { summary: "Generate key pairs: genkeys [NAME ...]", flags: genkeysFlags, run: runGenkeys },
  encrypt: { summary: "Encrypt standard input", flags: encryptFlags, run: runEncrypt },
  decrypt: { summary: "Decrypt standard input or the environment", flags: decryptFlags, run: runDecrypt },
  daemon: { summary: "Start the daemon that decrypts for services", flags: daemonFlags, run: runDaemon },
  version: { summary: "Print the version", flags: {}, run: runVersion },
};

const overview = `Usage:
  secretary [command]

Available Commands:
${[
  ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)} ${summary}`),
  "  help       Help about any command",
]
  .sort()
  .join("\n")}

Use "secretary [command] --help" for more information about a command.
`;

/** @returns The exit status. */
export async function secretary(args: readonly string[], world: World): Promise<number> {
  const { name, rest } = findCommand(args);
  if (name === undefined) return withoutCommand(rest, world);
  if (name === "help") return help(rest[0], world);
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined)
    return refuse(`unknown command ${JSON.stringify(name)} for "secretary"`, tryHelp, world);
  try {
    return await command.run(parsePFlags(rest, command.flags), world);
  } catch (error) {
    if (error instanceof PHelp) return help(name, world);
    if (error instanceof PFlagError) return refuse(error.message, usageOf(name, command), world);
    if (!isKeywardError(error)) throw error;
    world.stderr.write(`${originalWords(error)}\n`);
    return 1;
  }
}

const tryHelp = "Run 'secretary --help' for usage.";

function withoutCommand(args: readonly string[], world: World): number {
  try {
    parsePFlags(args, {});
  } catch (error) {
    if (error instanceof PFlagError) return refuse(error.message, overview, world);
    if (!(error instanceof PHelp)) throw error;
  }
  return help(undefined, world);
}

function help(name: string | undefined, world: World): number {
  const command = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) world.stdout.write(`${command.summary}\n\n${usageOf(name ?? "", command)}`);
  else if (name === undefined || name === "help" || name.startsWith("-")) world.stdout.write(overview);
  else {
    world.stderr.write(`Unknown help topic [\`${plain(name)}\`]\n${overview}`);
    return 2;
  }
  return 0;
}

function refuse(why: string, next: string, world: World): number {
  world.stderr.write(`Error: ${plain(why)}\n${next}\n`);
  return 2;
}

function usageOf(name: string, { flags }: Command): string {
  return `Usage:\n  secretary ${name} [flags]\n\nFlags:\n${pflagUsages(flags)}`;
}

async function runVersion(_: PTyped, world: World): Promise<number> {
  world.stdout.write(`${version}\n`);
  return 0;
}

async function runDaemon(typed: PTyped, world: World): Promise<number> {
  return await (await import("./secretary-daemon.ts")).secretaryDaemon(typed, world);
}

async function runGenkeys(typed: PTyped, world: World): Promise<number> {
  const directory = typed.has("path") ? typed.text("path") : "./keys/";
  genkeys(typed.words, directory, world.cwd, typed.on("force"));
  return 0;
}

async function runEncrypt(typed: PTyped, world: World): Promise<number> {
  const keyId = typed.has("kms-key-id") ? typed.text("kms-key-id") : (world.env.KMS_KEY_ID ?? "");
  const seal = keyId === "" ? sealerOf(typed, world) : kmsSealer(keyId, world);
  using value = await readInput(world, "value", MAX_VALUE);
  const envelope = await seal(value.reveal());
  world.stdout.write(typed.on("wrap") ? wrapText(envelope) : envelope);
  return 0;
}

type Sealer = (value: Uint8Array) => Promise<string>;

function sealerOf(typed: PTyped, world: World): Sealer {
  const { to, from } = keysToEncrypt(typedKeys(typed), world);
  const key = deriveBoxKey(from, to);
  return async (value) => sealNacl(key, systemRandom(NACL_NONCE_SIZE), value);
}

function kmsSealer(keyId: string, world: World): Sealer {
  return async (value) => (await import("../configuration/kms-sealer.ts")).sealWithKms(keyId, world, value);
}

async function runDecrypt(typed: PTyped, world: World): Promise<number> {
  const opener = await createOpener(
    {
      url: textOr(typed, "secretary-url", world.env.SECRETARY_URL),
      asker: {
        appId: textOr(typed, "app-id", world.env.MARATHON_APP_ID),
        appVersion: textOr(typed, "app-version", world.env.MARATHON_APP_VERSION),
        taskId: textOr(typed, "task-id", world.env.MESOS_TASK_ID),
      },
      keys: typedKeys(typed),
      caFile: typed.text("ca-file"),
      strict: typed.on("require-request-id"),
    },
    world,
  );
  try {
    if (typed.on("decrypt-env")) {
      return printEnvironment(await openEnvironment(entriesOf(world), opener), typed.on("partial"), world);
    }
    using document = await readInput(world, "input", MAX_DOCUMENT);
    using opened = await openText(document.reveal(), opener);
    world.stdout.write(Uint8Array.from(opened.reveal()));
    return 0;
  } finally {
    opener.close();
  }
}

/** Nothing is printed unless all of it can be: the shell that evaluates it cannot see an exit status. */
function printEnvironment(opened: readonly OpenedEntry[], partial: boolean, world: World): number {
  const lines: Uint8Array[] = [];
  let failed = false;
  const fail = (name: string, error: unknown): void => {
    if (!isKeywardError(error)) throw error;
    failed = true;
    world.stderr.write(`${JSON.stringify(name).slice(1, -1)}: ${originalWords(error, name)}\n`);
  };
  for (const entry of opened) {
    if (!isOpened(entry)) {
      for (const error of entry.outcome as readonly KeywardError[]) fail(entry.name, error);
      continue;
    }
    using value = entry.outcome;
    try {
      using line = exportLine(entry.name, value.reveal());
      lines.push(Uint8Array.from(line.reveal()));
    } catch (error) {
      fail(entry.name, error);
    }
  }
  if (!failed || partial) world.stdout.write(Buffer.concat(lines));
  return failed ? 1 : 0;
}

/** An empty flag or variable is none. */
function textOr(typed: PTyped, name: string, variable: string | undefined): string {
  return typed.has(name) ? typed.text(name) : (variable ?? "");
}

function typedKeys(typed: PTyped): TypedKeys {
  return {
    publicKey: typed.text("public-key"),
    privateKey: typed.has("deploy-key") ? typed.text("deploy-key") : typed.text("private-key"),
    masterKey: typed.text("master-key"),
    configKey: typed.text("config-key"),
    serviceKey: typed.text("service-key"),
  };
}
