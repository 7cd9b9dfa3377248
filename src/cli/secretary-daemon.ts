/** `secretary daemon`: with the original's flags, and a few of ours. */
import { guard } from "../command/guard.ts";
import type { World } from "../command/world.ts";
import type { PTyped } from "../configuration/pflag.ts";
import { runDaemon } from "./run-daemon.ts";

/** @throws KeywardError as `runDaemon` */
export async function secretaryDaemon(typed: PTyped, world: World): Promise<number> {
  guard(world.env);
  await runDaemon(
    {
      marathonUrl: typed.text("marathon-url"),
      mesosUrl: typed.text("mesos-leader-url"),
      masterKeys: [typed.text("master-key")],
      configKeys: [typed.text("config-key")],
      tlsCertFile: typed.text("tls-cert-file"),
      tlsKeyFile: typed.text("tls-key-file"),
      ip: typed.text("ip"),
      port: typed.text("port"),
      strict: typed.on("strict"),
      requireTime: typed.on("require-time"),
    },
    world,
  );
  return 0;
}
