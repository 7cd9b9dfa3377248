import assert from "node:assert/strict";
import { test } from "node:test";
import { chefHost } from "./chef-host.ts";
import { chefInventory } from "./chef-inventory.ts";
import { wholeTree } from "./inventory.ts";

const ohai = {
  name: "web1",
  automatic: {
    ipaddress: "192.0.2.7",
    network: { lanip: "10.0.0.7", interfaces: {} },
    keys: {
      ssh: {
        host_dsa_public: "AAAAB3NzaC1kc3M=",
        host_rsa_public: "AAAAB3NzaC1yc2E=",
        host_ecdsa_public: "AAAAE2VjZHNhLXNoYTItbmlzdHAzODQ=",
        host_ecdsa_type: "ecdsa-sha2-nistp384",
        host_ed25519_public: "AAAAC3NzaC1lZDI1NTE5",
      },
    },
  },
};
const saidOf = (node: object) => wholeTree(chefInventory(node as never).parts);

test("address and host keys of a node are read as Ohai writes them, without DSA", () => {
  assert.deepEqual(chefHost(saidOf(ohai)), {
    address: "10.0.0.7",
    hostKeys: [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
      "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQ=",
      "ssh-rsa AAAAB3NzaC1yc2E=",
    ],
  });
});

test("without a lanip it is ipaddress; what is no text, or not there, is not said", () => {
  assert.deepEqual(chefHost(saidOf({ name: "a", automatic: { ipaddress: "192.0.2.7" } })), {
    address: "192.0.2.7",
    hostKeys: [],
  });
  for (const odd of [{ ipaddress: ["10.0.0.1"] }, { ipaddress: "", network: "lan" }, { keys: { ssh: [] } }])
    assert.deepEqual(chefHost(odd as never), { address: null, hostKeys: [] });
});
