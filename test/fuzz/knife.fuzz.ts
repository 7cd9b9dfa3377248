/** Knife's configuration files and its words, from anyone's hand. */
import { utf8 } from "../../src/base/bytes.ts";
import { readCredentials, readRubyConfig } from "../../src/chef/knife/config-file.ts";
import { KnifeFlagError, parseKnifeFlags } from "../../src/chef/knife/flags.ts";
import { layOut } from "../../src/chef/knife/layout.ts";
import { commonFlags, nodeFlags } from "../../src/chef/knife/options.ts";

const examples = [
  'current_dir = File.dirname(__FILE__)\nnode_name \'alice\'\nclient_key "#{current_dir}/a.pem"\nknife[:editor] = "vi"\n',
  '[default]\nclient_name = \'a\'\n["other"]\nclient_key = "b.pem" # it\n',
  "data\nbag\nshow\n-Fjson\n--attribute=a.b\n-yV\n--\n-x\n",
].map(utf8);

export default {
  name: "knife",
  examples,
  run(bytes: Uint8Array): void {
    const text = new TextDecoder().decode(bytes);
    readRubyConfig(text, "/folder", { HOME: "/home" });
    readCredentials(text, "default");
    for (const format of ["text", "json", "yaml", "pp"] as const)
      layOut(new Map([[text, [text, new Map([["a", text]])]]]), format);
    try {
      parseKnifeFlags(text.split("\n"), { ...commonFlags, ...nodeFlags });
    } catch (error) {
      if (!(error instanceof KnifeFlagError)) throw error;
    }
  },
};
