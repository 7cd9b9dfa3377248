/** A node's volume when something is wrong: server, key, header, rights. */
import { test } from "node:test";
import { createNode } from "./node-site.ts";

test("a server in trouble, a key rotated while the machine is off, a damaged header, a node that is lost", async (t) => {
  const node = await createNode(t, "trouble");
  await node.boot({ KW_PHASE: "first" });
  await node.boot({ KW_PHASE: "server,person,copy,second" });
  await node.nextVersion();
  await node.boot({ KW_PHASE: "off,damage" });
  await node.boot({ KW_PHASE: "lost" });
  await node.boot({ KW_PHASE: "revoked" });
});
