/**
 * Chef host: where a node's own object says that the node is reached, and which SSH host keys it says are its own.
 *
 *     network.lanip, else ipaddress         the address, as the KeyMaster cookbook takes it
 *     keys.ssh.host_ed25519_public          Base64 of a host key: Ohai's plugin `ssh_host_key`
 *     keys.ssh.host_ecdsa_public, _type     likewise; the type stands beside it
 *     keys.ssh.host_rsa_public
 *
 * The node writes all of it. It names no more than itself by that; pinned once, it cannot be changed from there.
 */
import type { Json } from "../base/json.ts";
import { isObject } from "./flatten.ts";
import type { AttributeTree } from "./node.ts";

export interface ChefHost {
  readonly address: string | null;
  /** Lines of public keys, unchecked. */
  readonly hostKeys: readonly string[];
}

export const chefHostPaths: readonly string[] = [
  "ipaddress",
  "network.lanip",
  "keys.ssh.host_ed25519_public",
  "keys.ssh.host_ecdsa_public",
  "keys.ssh.host_ecdsa_type",
  "keys.ssh.host_rsa_public",
];

/** @param said - Everything that the source says of the node. */
export function chefHost(said: AttributeTree): ChefHost {
  const address = textAt(said, "network", "lanip") ?? textAt(said, "ipaddress");
  const key = (name: string): string | null => textAt(said, "keys", "ssh", name);
  const keys = [
    ["ssh-ed25519", key("host_ed25519_public")],
    [key("host_ecdsa_type") ?? "ecdsa-sha2-nistp256", key("host_ecdsa_public")],
    ["ssh-rsa", key("host_rsa_public")],
  ];
  return { address, hostKeys: keys.flatMap(([type, blob]) => (blob === null ? [] : [`${type} ${blob}`])) };
}

function textAt(tree: AttributeTree, ...path: readonly string[]): string | null {
  let at: Json | undefined = { ...tree };
  for (const name of path) at = isObject(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  return typeof at === "string" && at !== "" ? at : null;
}
