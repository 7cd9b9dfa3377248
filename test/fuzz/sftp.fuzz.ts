/** Replies of a file server, whole packets and a stream of them. */
import { createPackets, decodeReply } from "../../src/formats/sftp/sftp.ts";

const examples = [
  [2, 0, 0, 0, 3, 0, 0, 0, 1, 97, 0, 0, 0, 1, 49],
  [101, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0],
  [102, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9],
  [103, 0, 0, 0, 1, 0, 0, 0, 2, 9, 9],
  [104, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 97, 0, 0, 0, 0, 0, 0, 0, 0],
  [105, 0, 0, 0, 1, 128, 0, 0, 15, ...new Array(28).fill(1), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
].map((bytes) => Uint8Array.from(bytes));

export default {
  name: "sftp",
  examples,
  run(bytes: Uint8Array): void {
    for (const packet of createPackets("fuzz").take(bytes)) decodeReply(packet, "fuzz");
    decodeReply(bytes, "fuzz");
  },
};
