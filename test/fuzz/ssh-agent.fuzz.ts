/** Questions to our ssh-agent. */
import { concat } from "../../src/base/bytes.ts";
import { decodeQuestion } from "../../src/formats/ssh-agent/ssh-agent.ts";
import { string, uint32 } from "../../src/formats/ssh-wire.ts";

export default {
  name: "ssh-agent",
  examples: [Uint8Array.of(11), concat(Uint8Array.of(13), string("blob"), string("data"), uint32(0))],
  run(bytes: Uint8Array): void {
    decodeQuestion(bytes);
  },
};
