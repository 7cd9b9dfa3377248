/** Nodes of a real Chef server, brought in by the program: what counts of them, and what does not. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { createProgram, type Program } from "../server/program.ts";
import { until } from "../waiting.ts";
import { chefNode, type Goiardi, startGoiardi } from "./goiardi.ts";

let goiardi: Goiardi;
let program: Program;
const chef = (): string[] => [
  "--chef-server",
  goiardi.url,
  "--chef-user",
  goiardi.user,
  "--chef-key",
  goiardi.keyFile,
];

before(async () => {
  goiardi = await startGoiardi();
  program = createProgram();
  await program.init();
});
after(async () => {
  program.remove();
  await goiardi.stop();
});

async function run(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await program.run(words);
  assert.ok(status === 0 || status === 8, `${words.join(" ")}: ${status} ${stderr}`);
  return stdout + stderr;
}
const sync = (...words: string[]): Promise<string> => run("inventory", "sync", "chef", ...chef(), ...words);

/** 30 of them, every third with the tag `db`. */
async function makeNodes(): Promise<void> {
  for (let i = 0; i < 30; i++) {
    const name = `n${String(i).padStart(2, "0")}`;
    const tags = i % 3 === 0 ? ["db"] : [];
    const automatic = {
      roles: ["base"],
      ipaddress: `10.0.0.${i}`,
      ohai_time: i,
      network: { lanip: "10.9.9.9" },
    };
    await goiardi.ask(
      "POST",
      "/nodes",
      chefNode(name, { normal: { tags }, automatic, run_list: ["role[base]"] }),
    );
  }
}

test("thirty nodes come in, pending; what they say is reported; a second round changes nothing", async () => {
  await makeNodes();
  assert.match(await sync("--dry-run"), /would bring in 30 nodes: 30 new, 0 changed, 0 unchanged, 0 gone/);
  assert.match(await sync(), /brought in 30 nodes: 30 new/);
  assert.match(await sync(), /brought in 30 nodes: 0 new, 0 changed, 30 unchanged, 0 gone/);
  assert.match(await run("node", "show", "n03"), /tags +\["db"\] +reported by chef \(grants nothing\)/);
  assert.match(await run("node", "list"), /n03 +pending/);
  assert.match(await run("query", "test", "tags:db"), /no node matches/);
});

test("a part that an operator accepts grants, and every look at it warns", async () => {
  const accepted = await sync("--accept", "chef.normal");
  assert.match(accepted, /warning: a node can write chef\.normal itself/);
  assert.match(await run("inventory", "sources"), /chef +chef\.normal/);
  assert.match(await run("plan"), /warning: chef\.normal is accepted/);
  const matched = await run("query", "test", "tags:db", "-o", "name");
  assert.equal(matched.trim().split("\n").length, 10);
  assert.match(await run("query", "test", "roles:base", "--node", "n03"), /reported/);
  await run("inventory", "accept", "chef.automatic.roles");
  assert.equal((await run("query", "test", "roles:base", "-o", "name")).trim().split("\n").length, 30);
  assert.match(await run("query", "test", "ipaddress:10.0.0.3"), /no node matches/);
  await run("inventory", "refuse", "chef.automatic.roles");
  assert.match(await run("query", "test", "roles:base"), /no node matches/);
  const { status, stderr } = await program.run(["inventory", "accept", "run_list"]);
  assert.equal(status, 1);
  assert.match(stderr, /as chef\.run_list/);
});

test("a node that is gone is forgotten; many at once are not taken for gone", async () => {
  await goiardi.ask("DELETE", "/nodes/n03");
  assert.match(await sync(), /29 nodes: 0 new, 0 changed, 29 unchanged, 1 gone/);
  assert.doesNotMatch(await run("node", "list", "-o", "name"), /n03/);
  for (let i = 4; i < 16; i++) await goiardi.ask("DELETE", `/nodes/n${String(i).padStart(2, "0")}`);
  const { status, stderr } = await program.run(["inventory", "sync", "chef", ...chef()]);
  assert.equal(status, 6);
  assert.match(stderr, /12 of 29 nodes are gone at once/);
  assert.match(await sync("--lose-at-most", "12"), /12 gone/);
});

test("a node that spoils its own object loses what it said, and no other node waits for it", async () => {
  await goiardi.ask("POST", "/nodes", chefNode("bad", { normal: { tags: ["db"] } }));
  await sync();
  assert.match(await run("query", "test", "tags:db", "-o", "name"), /^bad$/m);
  const spoilt = JSON.parse('{"tags":["db"],"__proto__":{"x":1}}') as object;
  await goiardi.ask("PUT", "/nodes/bad", chefNode("bad", { normal: spoilt }));
  await goiardi.ask("POST", "/nodes", chefNode("good", { normal: { tags: ["db"] } }));
  const said = await sync();
  assert.match(said, /1 new, .* 1 gone/);
  assert.match(said, /"bad" +.*__proto__/);
  const matched = await run("query", "test", "tags:db", "-o", "name");
  assert.doesNotMatch(matched, /^bad$/m);
  assert.match(matched, /^good$/m);
  await goiardi.ask("DELETE", "/nodes/bad");
});

test("followed, a change is there after the next round, and the end is orderly", async () => {
  const words = ["inventory", "sync", "chef", ...chef(), "--follow", "--every", "1s"];
  const bin = `${program.directory}/program/bin/keyward`;
  const env = { PATH: process.env.PATH ?? "", HOME: program.directory, KEYWARD_DATA: program.data };
  const server = program.startServer();
  const address = await server.serving;
  const child = spawn(bin, [...words, "-o", "json"], { env, stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  try {
    await until("the first round is over", () => text.includes('"nodes"'));
    await goiardi.ask("POST", "/nodes", chefNode("late", { normal: { tags: ["db"] } }));
    const admin = program.operator(address);
    const listed = async () => (await admin.call("node.list", { query: { query: "tags:db" } })).nodes;
    await until("the change is there", async () => (await listed()).some(({ name }) => name === "late"));
    await admin.close();
  } finally {
    child.kill("SIGTERM");
    const [status] = (await once(child, "close")) as [number | null];
    await server.stop();
    assert.equal(status, 0);
  }
});
