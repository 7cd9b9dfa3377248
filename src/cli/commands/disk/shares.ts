/** `keyward disk shares`, `keyward disk renew`: the sealed shares of a volume's recovery key, and the next such key. */
import path from "node:path";
import { fromBase64, utf8 } from "../../../base/bytes.ts";
import { act } from "../../../command/command.ts";
import { required } from "../../../command/read-flags.ts";
import { time } from "../../../command/view.ts";
import { assertAbsent, makePrivateDirectory, writeNew } from "../../../command/write-file.ts";
import { formatSealedShare } from "../../../formats/escrow/escrow.ts";
import { parseNodeName } from "../../../model/name.ts";
import { parseHolderName, parseVolumeName } from "../../../model/volume.ts";

export const shares = act({
  summary: "Fetch the sealed shares of a volume's recovery key, a file for each who holds one",
  words: ["NODE", "NAME"],
  flags: { out: { type: "string", value: "DIR", help: "Write NODE-NAME-1-HOLDER.sealed and so on into it" } },
  calls: ["disk.shares"],
  examples: ["keyward disk shares db1 data --out /tmp/db1"],
  notes: [
    "Each file is for its holder, who opens it with keyward disk open-share; the server cannot. When there are as many as the threshold says, keyward unlock --share opens the volume with them. It needs the right disk:escrow on the volume's key, and that they were fetched is an event.",
    "Shares are kept also when the node is revoked or forgotten, or its grant is gone. Once they were used: keyward disk renew.",
  ],
  async run({ call, out, world }, { words: [nodeText = "", text = ""], flags }) {
    const [node, name] = [parseNodeName(nodeText), parseVolumeName(text)];
    const directory = path.resolve(world.cwd, required(flags.out, "out"));
    const { shares: given, ...about } = await call("disk.shares", { body: { node, name } });
    const files = given.map(({ holder }, i) =>
      path.join(directory, `${node}-${name}-${i + 1}-${parseHolderName(holder)}.sealed`),
    );
    for (const file of files) assertAbsent(file, "sealed share");
    makePrivateDirectory(directory, "directory");
    for (const [i, { sealed }] of given.entries())
      writeNew(files[i] ?? "", "sealed share", utf8(formatSealedShare(fromBase64(sealed, "sealed share"))));
    const { generation, threshold, uuid, made } = about;
    const holders = given.map(({ holder }) => holder);
    const lines = [
      `recovery key ${generation} of ${name} of ${node} (${uuid}), made ${time(made)}: any ${threshold} of ${given.length} give it`,
      "",
      ...files,
    ];
    out.show({ node, name, ...about, holders, files }, { blocks: [{ kind: "lines", lines }], names: files });
  },
});

export const renew = act({
  summary: "Have a node make a new recovery key for a volume, in place of one that was used",
  words: ["NODE", "NAME"],
  flags: {},
  calls: ["disk.renew"],
  examples: ["keyward disk renew db1 data"],
  notes: [
    "A running agent does it at once, any other when it runs again; the shares are sealed to those whom the grant names now. Until then the old ones serve. It needs the right disk:escrow on the volume's key.",
  ],
  async run({ call, out, dryRun }, { words: [nodeText = "", text = ""] }) {
    const [node, name] = [parseNodeName(nodeText), parseVolumeName(text)];
    const answer = await call("disk.renew", { body: { node, name } });
    const line = `${dryRun ? "would be renewed" : "to be renewed"}: recovery key ${answer.generation} of ${name} of ${node}`;
    out.show({ node, name, ...answer }, { blocks: [{ kind: "lines", lines: [line] }], names: [name] });
  },
});
