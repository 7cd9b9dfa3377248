import { parseQuestion } from "../../src/adapters/systemd/question.ts";

const directory = "/run/systemd/ask-password";

export default {
  name: "a question of systemd's",
  examples: [
    Buffer.from(
      `[Ask]\nPID=254\nSocket=${directory}/sck.9e2f31c0a4bd5d17\nAcceptCached=1\nEcho=0\nNotAfter=0\nSilent=0\n` +
        "Message=Please enter passphrase for disk data!\nIcon=drive-harddisk\nId=cryptsetup:/dev/vdb\n",
    ),
  ],
  run(bytes: Uint8Array): void {
    parseQuestion(bytes, directory);
  },
};
