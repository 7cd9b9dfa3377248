/** Data bags of a real Chef server, by the program: everything that can be done with one in a repository. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { until } from "../waiting.ts";
import { type Goiardi, startGoiardi } from "./goiardi.ts";
import { chefEnvironment, createDesk, type Desk } from "./typed.ts";

let goiardi: Goiardi;
let desk: Desk;

before(async () => {
  goiardi = await startGoiardi();
  desk = createDesk(chefEnvironment(goiardi));
  desk.write("old.secret", "an old secret of forty characters or so\n");
  desk.write("new.secret", "q0Zt2c3kqX9a8mNfB1yLwV7uJrE5sDhT4gPiOx6KjHc=\n");
});
after(async () => {
  desk.remove();
  await goiardi.stop();
});

test("an item is made, shown, listed, edited and deleted; digits and plain members stay", async () => {
  const plain = '{"big":123456789012345678901234567890,"password":"swordfish","f":1.0}';
  const made = await desk.type(["data-bag", "create", "secrets", "db", "--secret-file", "old.secret"], {
    stdin: plain,
  });
  assert.equal(made.status, 0, made.stderr);
  assert.equal(await desk.ok("data-bag", "list"), "secrets\n");
  assert.match(await desk.ok("data-bag", "list", "secrets"), /db +3 +version 3/);
  assert.equal(
    (await desk.ok("data-bag", "show", "secrets", "db", "--secret-file", "old.secret")).replace(/\s/g, ""),
    // goiardi keeps members in an order of its own.
    '{"big":123456789012345678901234567890,"f":1.0,"id":"db","password":"swordfish"}',
  );
  assert.doesNotMatch(await desk.ok("data-bag", "show", "secrets", "db"), /swordfish|chef_type|data_bag/);
  const again = await desk.type(["data-bag", "create", "secrets", "db"], { stdin: "{}" });
  assert.equal(again.status, 6);
  assert.match(again.stderr, /exists already/);

  desk.write("edit.sh", '#!/bin/sh\nsed -i s/swordfish/marlin/ "$1"\n', 0o700);
  const env = { EDITOR: `${desk.folder}/edit.sh` };
  const edited = await desk.type(["data-bag", "edit", "secrets", "db", "--secret-file", "old.secret"], {
    env,
  });
  assert.match(edited.stdout, /changed: data bag item secrets\/db/);
  assert.match(await desk.ok("data-bag", "show", "secrets", "db", "--secret-file", "old.secret"), /marlin/);

  assert.equal((await desk.type(["data-bag", "delete", "secrets"])).status, 6);
  await desk.ok("data-bag", "delete", "secrets", "db");
  await desk.ok("data-bag", "delete", "secrets");
  assert.equal((await desk.type(["data-bag", "show", "secrets", "db"])).status, 3);
});

test("an edit does not lose what somebody else wrote meanwhile", async () => {
  desk.write("item.json", '{"id":"shared","a":"one","b":"two"}');
  await desk.ok("data-bag", "from-file", "plain", "item.json");
  desk.write("theirs.json", '{"id":"shared","a":"theirs","b":"two"}');
  const theirs = `${process.execPath} ${process.cwd()}/src/cli/main.ts data-bag from-file plain ${desk.folder}/theirs.json`;
  desk.write("meanwhile.sh", `#!/bin/sh\nsed -i s/two/mine/ "$1"\n${theirs} >&2\n`, 0o700);
  const env = { EDITOR: `${desk.folder}/meanwhile.sh` };
  const { status, stderr } = await desk.type(["data-bag", "edit", "plain", "shared"], { env });
  assert.equal(status, 6, stderr);
  assert.match(stderr, /was changed by somebody else meanwhile/);
  const kept = await desk.ok("data-bag", "show", "plain", "shared");
  assert.match(kept, /theirs/);
  assert.doesNotMatch(kept, /mine/);
});

const sealedAs = async (secret: string): Promise<number> => {
  const items = JSON.parse(await desk.ok("data-bag", "list", "many", "-o", "json")).items as { id: string }[];
  let open = 0;
  for (const { id } of items.slice(0, 12)) {
    const { status } = await desk.type(["data-bag", "show", "many", id, "--secret-file", secret]);
    if (status === 0) open++;
  }
  return open;
};

test("every bag is resealed; killed in the middle and run again, nothing remains under the old secret", async () => {
  const names: string[] = [];
  for (let i = 0; i < 400; i++)
    names.push(desk.write(`m${i}.json`, JSON.stringify({ id: `m${i}`, value: `secret ${i}` })));
  await desk.ok("data-bag", "from-file", "many", ...names, "--secret-file", "old.secret");
  const words = [
    "data-bag",
    "reseal",
    "--all",
    "--secret-file",
    "old.secret",
    "--new-secret-file",
    "new.secret",
  ];
  assert.match(await desk.ok(...words, "--dry-run"), /would be resealed +400, 400 values/);

  const before = await goiardi.ask("GET", "/data/many/m0");
  const child = desk.start(words);
  await once(child, "spawn");
  await until("it comes about", async () => (await goiardi.ask("GET", "/data/many/m0")) !== before);
  child.kill("SIGKILL");
  await once(child, "exit");

  const report = await desk.ok(...words);
  const already = Number(/under the new secret already +(\d+)/.exec(report)?.[1]);
  const resealed = Number(/resealed +(\d+)/.exec(report)?.[1]);
  assert.ok(already > 0, report);
  assert.equal(already + resealed, 400);
  assert.match(report, /not encrypted +1/);
  assert.match(report, /under the old secret still +0, all read again/);
  assert.equal(await sealedAs("old.secret"), 0);
  assert.equal(await sealedAs("new.secret"), 12);
});
