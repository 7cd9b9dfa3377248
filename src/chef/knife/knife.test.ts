import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import { knifeConfig } from "./config.ts";
import { readCredentials, readRubyConfig } from "./config-file.ts";
import { KnifeFlagError, parseKnifeFlags } from "./flags.ts";
import { commonFlags, nodeFlags } from "./options.ts";

const flags = { ...commonFlags, ...nodeFlags };

test("flags are read as OptionParser reads them", () => {
  const typed = parseKnifeFlags(
    ["a", "-Fjson", "b", "--attr", "x", "-a", "y.z", "--user=u=v", "-yV", "--", "-z"],
    flags,
  );
  assert.deepEqual(typed.words, ["a", "b", "-z"]);
  assert.equal(typed.text("format"), "json");
  assert.deepEqual(typed.all("attribute"), ["x", "y.z"]);
  assert.equal(typed.text("node_name"), "u=v");
  assert.ok(typed.on("yes") && typed.on("verbosity") && !typed.on("local_mode"));
});

test("flags that there are not, that are cut too short, or lack a value are refused", () => {
  for (const [words, said] of [
    [["--bogus"], /^invalid option: --bogus$/],
    [["-x"], /^invalid option: -x$/],
    [["--co"], /^ambiguous option: --co$/],
    [["-s"], /^missing argument: -s$/],
    [["--yes=1"], /^needless argument: --yes$/],
    [["-F", "s"], /^-F\/--format: s is not one of the allowed values: 'summary', .* or 'pp'$/],
  ] as const)
    assert.throws(
      () => parseKnifeFlags(words, flags),
      (error) => error instanceof KnifeFlagError && said.test(error.message),
      words.join(" "),
    );
});

test("of a Ruby configuration the lines that set a name to a text are read, and nothing is run", () => {
  const settings = readRubyConfig(
    [
      "# node_name 'commented'",
      "current_dir = File.dirname(__FILE__)",
      "node_name                'alice'   # me",
      'client_key               "#{current_dir}/alice.pem"',
      "chef_server_url(\"https://chef.example.com/organizations/#{ENV['ORG']}\")",
      'knife[:secret_file] = "/etc/#{`id`}"',
      "knife[:vault_mode] = 'client'",
      'knife[:editor]="vim -f"',
      'cookbook_path ["#{current_dir}/../cookbooks"]',
      "log_level :info",
    ].join("\n"),
    "/home/a/.chef",
    { ORG: "acme" },
  );
  assert.deepEqual(Object.fromEntries(settings), {
    node_name: "alice",
    client_key: "/home/a/.chef/alice.pem",
    chef_server_url: "https://chef.example.com/organizations/acme",
    "knife.vault_mode": "client",
    "knife.editor": "vim -f",
  });
});

test("of credentials one profile is read", () => {
  const text =
    "[default]\nclient_name = 'a'\n[ \"other.org\" ] # it\nclient_name = \"b\"\nclient_key = 'b.pem'\n";
  assert.deepEqual(Object.fromEntries(readCredentials(text, "default")), { client_name: "a" });
  assert.deepEqual(Object.fromEntries(readCredentials(text, "other.org")), {
    client_name: "b",
    client_key: "b.pem",
  });
});

test("what is typed comes before the environment, and that before the nearest configuration, which must be ours", () => {
  const home = mkdtempSync(path.join(tmpdir(), "keyward-knife-config-"));
  try {
    for (const folder of [".chef", "repo/.chef", "repo/deep"])
      mkdirSync(path.join(home, folder), { recursive: true });
    writeFileSync(
      path.join(home, ".chef/credentials"),
      "[default]\nclient_name = 'c'\nclient_key = 'c.pem'\n",
    );
    writeFileSync(path.join(home, "repo/.chef/knife.rb"), "node_name 'k'\nchef_server_url 'http://k'\n");
    const place = { home, cwd: path.join(home, "repo/deep"), env: { KEYWARD_CHEF_SERVER: "http://e" } };
    const config = knifeConfig(place, parseKnifeFlags(["-u", "typed"], flags));
    assert.deepEqual(config, { server: "http://e", user: "typed", key: path.join(home, ".chef/c.pem") });
    const bare = knifeConfig({ ...place, env: {} }, parseKnifeFlags([], flags));
    assert.deepEqual([bare.server, bare.user], ["http://k", "k"]);
    chmodSync(path.join(home, "repo/.chef/knife.rb"), 0o666);
    assert.throws(
      () => knifeConfig(place, parseKnifeFlags([], flags)),
      (error) => isKeywardError(error, "local"),
    );
    const named = parseKnifeFlags(["-c", path.join(home, "repo/.chef/knife.rb")], flags);
    assert.equal(knifeConfig(place, named).user, "k");
  } finally {
    rmSync(home, { recursive: true });
  }
});
