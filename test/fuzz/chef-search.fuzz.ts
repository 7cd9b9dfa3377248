/** Chef's own query language from anyone's hand, asked of one document. */
import { utf8 } from "../../src/base/bytes.ts";
import { chefDocument, parseChefSearch } from "../../src/formats/chef-search/chef-search.ts";
import { chefFacts } from "../../src/model/chef-facts.ts";

const document = chefDocument(
  chefFacts({
    name: "n1",
    normal: { tags: ["web", "db"], path: "/opt/app", title: "two words", long: "x".repeat(600) },
  }),
);

const examples = [
  "tags:web AND (path:\\/opt\\/* OR NOT tags:db) -title:two",
  'title:"two words" OR tags:[a TO *] && tags:{* TO z}',
  'tags:wbe~1 web~0.5 node^2 "two words"~3 || !tags:w?b',
  "tags:(a b OR +c -d) path:/a.b+c@/ tags:%77eb",
  `${"(".repeat(60)}*:*${")".repeat(60)}`,
].map(utf8);

export default {
  name: "chef search",
  examples,
  run(bytes: Uint8Array): void {
    parseChefSearch(new TextDecoder().decode(bytes))(document);
  },
};
