/**
 * Names as rules see them. A DNS name is turned round, its labels as segments, so that a prefix can cover a
 * domain as it covers a folder of keys:
 *
 *     web.example.com    dns/com/example/web     covered by the prefix dns/com/example/
 *     *.example.com      dns/com/example/*
 *     10.0.0.1           ip/10.0.0.1
 *     spiffe://a/b       uri/spiffe://a/b
 *     ops@example.com    email/com/example/ops
 *     operator alice     operator/alice
 */
import type { San } from "../formats/x509/x509.ts";

export function resourceOf({ kind, value }: San): string {
  switch (kind) {
    case "dns":
      return `dns/${turned(value)}`;
    case "email": {
      const at = value.lastIndexOf("@");
      // a slash in the local part would look like one more label of the domain
      const local = value.slice(0, at).replaceAll("/", "%2F");
      return `email/${turned(value.slice(at + 1).toLowerCase())}/${local}`;
    }
    case "ip":
    case "uri":
      return `${kind}/${value}`;
  }
}

function turned(domain: string): string {
  return domain.split(".").reverse().join("/");
}
