/** The server of the API's benches, in a process of its own: real TLS, SQLite on disk, obeys its parent's messages. */

import { Secret } from "../src/base/secret.ts";
import { type DurationMs, systemClock } from "../src/base/time.ts";
import { systemRandom } from "../src/crypto/random.ts";
import { parseKeyName } from "../src/model/name.ts";
import { createLog } from "../src/server/log.ts";
import { createParts } from "../src/server/parts.ts";
import { startServer } from "../src/server/server.ts";
import { createKeep, keyFile, makeCsr, me } from "../src/server/server-for-test.ts";
import { openSqlite } from "../src/store/sqlite/sqlite.ts";

const [directory = "", nodes = "0"] = process.argv.slice(2);
const log = createLog({ level: "warn" });
const store = await openSqlite({ directory });
const parts = await createParts({ store, clock: systemClock, random: systemRandom, version: "0", log });
await parts.rootKey.initialise([keyFile()]);
await parts.afterUnseal();
await parts.authority.initialise(me);
const many = { perSecond: 100_000, burst: 100_000 };
const options = { host: "127.0.0.1", port: 0, names: ["localhost"], keep: createKeep() };
const server = await startServer(parts, {
  ...options,
  limits: { publicPerAddress: many, perPrincipal: many, perNode: many },
});
const ttl = 3_600_000 as DurationMs;
const { token } = await parts.access.createToken(me, { name: "bench", rules: ["admin"], ttl });
for (let i = 0; i < 100; i++)
  await parts.keyring.put(me, parseKeyName(`bench/read/${i}`), Secret.take(systemRandom(200)));

async function enrol(name: string): Promise<{ cert: string; key: string }> {
  const join = await parts.authority.createJoinToken(me, { node: name });
  const { csr, key } = makeCsr(name);
  const answer = await parts.authority.enrol({ csr, token: join.token });
  if (answer.kind !== "issued") throw new Error("not issued");
  return { cert: answer.certificate, key: Buffer.from(key.reveal()).toString() };
}

const enrolled: { cert: string; key: string }[] = [];
for (let i = 0; i < Number(nodes); i++) enrolled.push(await enrol(`node-${i}`));
const ca = parts.authority.show().certificates.map(({ pem }) => pem);
process.send?.({ port: server.port, ca, token, nodes: enrolled });
enrolled.length = 0;

process.on("message", (message) => {
  if (message === "stop") void server.stop().then(() => process.exit(0));
  else {
    // garbage that has not been collected yet is nobody's
    for (let i = 0; message === "collect" && i < 4; i++) globalThis.gc?.();
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    const { watching } = parts.fleet.status();
    process.send?.({
      cpuMs: (user + system) / 1000,
      rss,
      heapUsed,
      watching,
      connections: server.connections,
    });
  }
});
