/** SSH means of the environment: OpenSSH's configuration and an ssh-agent, for pushes. */
import { type Stats, statSync } from "node:fs";
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import { variable } from "../command/environment.ts";
import { present } from "../command/read-flags.ts";
import type { World } from "../command/world.ts";
import type { SshMeans } from "../model/ssh-means.ts";

/** @throws KeywardError `local` when one is not there, or others could say by it what is to be run. */
export function sshMeans({ env, cwd }: Pick<World, "env" | "cwd">): SshMeans {
  const at = (name: "KEYWARD_SSH_CONFIG" | "KEYWARD_SSH_AGENT", isRight: (stats: Stats) => boolean) => {
    const given = variable(env, name);
    if (given === undefined) return undefined;
    const file = path.resolve(cwd, given);
    const what = `${name} ${JSON.stringify(file)}`;
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined || !isRight(stats))
      throw new KeywardError("local", `${what}: is not there, or is something else`);
    const uid = process.geteuid?.() ?? 0;
    if ((stats.mode & 0o022) !== 0 || (stats.uid !== uid && stats.uid !== 0))
      throw new KeywardError("local", `${what}: others may change it`, {
        hint: "it says how hosts are reached: it is to be root's or yours alone",
      });
    return file;
  };
  return present({
    config: at("KEYWARD_SSH_CONFIG", (stats) => stats.isFile()),
    agent: at("KEYWARD_SSH_AGENT", (stats) => stats.isSocket()),
  });
}
