/** Where the master password comes from: flag, file, environment, terminal. An empty one passes on to the next. */
import path from "node:path";
import { isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { readBytes } from "../../command/read-file.ts";
import type { World } from "../../command/world.ts";
import { trimPassword } from "../../derive/gokey/password-file.ts";
import { type GokeyFlags, passwordOf } from "./flags.ts";
import { onFile, Refusal } from "./refusal.ts";

const MAX_FILE = 1_048_576;

export async function masterPassword(flags: GokeyFlags, world: World): Promise<Secret> {
  if (flags.password.length > 0) return Secret.take(flags.password);
  if (flags.passwordFile !== "") {
    const password = fromFile(flags.passwordFile, world);
    if (password.length > 0) return password;
  }
  const password = passwordOf(world);
  if (password.length > 0) return Secret.take(password);
  return await askPassword(world, flags.seed === "");
}

function fromFile(file: string, world: World): Secret {
  const place = path.resolve(world.cwd, file);
  const content = onFile("read", file, () => readBytes(place, "password file", MAX_FILE));
  const password = trimPassword(content);
  content.fill(0);
  return password;
}

/** Without a seed a slip gives a wrong secret and no error, so that it is typed twice. */
async function askPassword(world: World, twice: boolean): Promise<Secret> {
  for (;;) {
    const first = await ask(world, "Master password: ");
    if (first.length === 0) continue;
    if (!twice || first.equals(await ask(world, "Master password again: "))) return first;
    world.stderr.write("Passwords do not match. Try again.\n");
  }
}

/** The original asks at standard input and nowhere else; Ctrl-D does nothing there. */
async function ask(world: World, question: string): Promise<Secret> {
  const refuse = (): Refusal => {
    world.stderr.write(question);
    return new Refusal("inappropriate ioctl for device");
  };
  if (world.stdin.isTTY !== true) throw refuse();
  try {
    return await world.askSecret(question, { deafToEnd: true });
  } catch (error) {
    throw isKeywardError(error, "usage") ? refuse() : error;
  }
}
