/**
 * Two volumes of one machine, opened by systemd side by side, and by hand; services that run on one, and one that fails;
 * a service that fetches its key; a passphrase that systemd asks for; and a server that comes after the boot.
 */
import { test } from "node:test";
import { boot } from "./machine.ts";
import { createOutside, createSite } from "./site.ts";
import { createDebianMachine } from "./uml.ts";

test("two volumes wait for a server that comes late, and open side by side", async (t) => {
  const machine = createDebianMachine();
  t.after(() => machine.remove());
  const site = await createSite(t);
  const disks = { data: 0, more: 3 };
  for (const [name, number] of Object.entries(disks)) {
    const recipe = { kind: "disk" } as const;
    await site.admin.call("key.generate", { path: { name: `disk/${name}` }, body: { recipe } });
    await site.grant(`disk/${name}`, {
      name,
      device: `/dev/disk/by-path/platform-uml-blkdev.${number}`,
      mount: { point: `/srv/${name}`, fstype: "ext4", options: [] },
      createIfBlank: true,
      ...(name === "data" ? { start: ["keeper.service", "broken.service"] } : {}),
    });
  }
  const value = Buffer.from("a password of one service").toString("base64");
  await site.admin.call("key.put", { path: { name: "orders/password" }, body: { value } });
  const delivery = { kind: "file", path: "orders.password", mode: 0o400, offline: "never" } as const;
  await site.admin.call("grant.add", { body: { key: "orders/password", query: "name:db1", delivery } });
  const outside = await createOutside(t, {
    away: () => site.front.be({ kind: "away" }),
    there: () => site.front.be({ kind: "to", port: site.port }),
  });
  const at = (phase: string) => ({
    program: "parallel",
    port: site.front.port,
    words: { KW_PHASE: phase, KW_OUTSIDE: `${outside}` },
  });
  await boot(t, machine, { ...at("first"), files: await site.enrolment() });
  await boot(t, machine, at("late"));
});
