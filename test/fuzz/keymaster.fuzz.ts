/** Items of KeyMaster's bag from anyone's hand: ids, environments, destinations. */
import { utf8 } from "../../src/base/bytes.ts";
import { isFor, queryOf, readKeymasterItem } from "../../src/formats/keymaster/keymaster.ts";

const examples = [
  '{"id":"svc-non-production","environment":"production","destination":"tags:a AND roles:b","key":"k"}',
  '{"id":"a-p.od","environment":"p.od","destination":"(tags:a OR NOT tags:b)","key":"one\\ntwo"}',
  '{"id":"-","environment":"","destination":"*:*","key":""}',
].map(utf8);

export default {
  name: "keymaster",
  examples,
  run(bytes: Uint8Array): void {
    let item: Record<string, unknown>;
    try {
      item = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    } catch {
      return;
    }
    if (typeof item !== "object" || item === null) return;
    const { id, environment } = item;
    if (typeof id !== "string" || typeof environment !== "string") return;
    isFor(id, environment, ["production", "non-production"]);
    const { destination } = readKeymasterItem(id, (name) => item[name]);
    queryOf(destination, environment);
  },
};
