/**
 * A site whose node runs in User Mode Linux without systemd, and what the programs in it may ask of the world outside: a
 * server that behaves otherwise, another key, other rights.
 */
import type { TestContext } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { createProgram } from "../server/program.ts";
import type { Entry } from "./archive.ts";
import { boot } from "./machine.ts";
import { createFront, createOutside, createSite, type Site } from "./site.ts";
import { createUmlMachine } from "./uml.ts";

const KEY = "disk/db1";
const volume = {
  name: "data",
  mount: { point: "/srv/data", fstype: "ext4" as const, options: [] },
  createIfBlank: true as const,
};

/** A node that is not yet enrolled; its first boot is. */
export async function createNode(t: TestContext, program: string) {
  const machine = createUmlMachine();
  t.after(() => machine.remove());
  const site = await createSite(t);
  let key = await site.putKey(KEY);
  let grant = await site.grant(KEY, volume);
  const second = await createFront({ kind: "to", port: site.port });
  t.after(() => second.close());
  const outside = await createOutside(t, {
    ...serversOf(t, site),
    /** For a person's slot to be made with. */
    key: () => Buffer.from(key).toString("base64"),
    async openings() {
      const { volumes } = await site.admin.call("disk.list", { query: { node: "db1" } });
      return String(volumes[0]?.opens);
    },
    "next version": nextVersion,
    async "grant with a copy"() {
      await site.admin.call("grant.remove", { path: { id: grant } });
      grant = await site.grant(KEY, { ...volume, offline: 86_400_000 });
    },
    freeze: () => state("freeze"),
    thaw: () => state("thaw"),
    revoke: () => state("revoke"),
  });
  async function nextVersion(): Promise<void> {
    key = await site.putKey(KEY);
  }
  const state = async (act: "freeze" | "thaw" | "revoke") =>
    void (await site.admin.call(`node.${act}`, { path: { name: "db1" } }));
  let enrolment: Entry[] | undefined = await site.enrolment();
  return {
    nextVersion,
    async boot(words: Readonly<Record<string, string>>, cut?: string): Promise<void> {
      const files = enrolment ?? [];
      enrolment = undefined;
      await boot(t, machine, {
        ...{ program, port: site.front.port, files },
        words: { ...words, KW_OUTSIDE: `${outside}`, KW_SECOND: `${second.port}` },
        ...(cut === undefined ? {} : { cut }),
      });
    },
  };
}

function serversOf(t: TestContext, { front, port }: Site) {
  return {
    away: () => front.be({ kind: "away" }),
    there: () => front.be({ kind: "to", port }),
    silent: () => front.be({ kind: "silent" }),
    broken: () => front.be({ kind: "broken", port, after: 3000 }),
    async another() {
      const other = createProgram();
      t.after(() => other.remove());
      await other.init();
      const server = other.startServer(["--name", "keys.test"]);
      t.after(() => server.kill());
      await front.be({ kind: "to", port: Number(new URL(await server.serving).port) });
    },
    async "comes late"() {
      await front.be({ kind: "away" });
      void wait(4000).then(() => front.be({ kind: "to", port }));
    },
  };
}
