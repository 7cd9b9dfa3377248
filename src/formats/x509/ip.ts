/** IP addresses as text, in one form each: dotted decimal, and RFC 5952 for version 6. */

const octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
const version4 = new RegExp(`^${octet}(?:\\.${octet}){3}$`);

/** @returns The address in its one form, or `null` when it is none. No zones, no brackets. */
export function canonicalIp(text: string): string | null {
  if (version4.test(text)) return text;
  if (!/^[0-9a-f:.]{2,45}$/i.test(text) || !text.includes(":")) return null;
  // A URL's host is parsed and written as the WHATWG URL standard says, which for version 6 is RFC 5952.
  const url = URL.parse(`http://[${text}]/`);
  return url === null ? null : url.hostname.slice(1, -1);
}

/** @param bytes - 4 or 16. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.byteLength === 4) return bytes.join(".");
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return Array.from({ length: 8 }, (_, i) => view.getUint16(i * 2).toString(16)).join(":");
}
