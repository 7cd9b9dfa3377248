/** Escape: names as systemd writes them into unit names (systemd.unit(5), "String Escaping for Inclusion in Unit Names"). */

/** `data-1` is `data\x2d1`. */
export function systemdEscape(text: string): string {
  return [...text]
    .map((one, i) => (/[A-Za-z0-9_:.]/.test(one) && !(one === "." && i === 0) ? one : hex(one)))
    .join("");
}

/** `/srv/data` is `srv-data`. */
export function systemdEscapePath(path: string): string {
  return (
    path
      .split("/")
      .filter((part) => part !== "")
      .map(escapeInner)
      .join("-") || "-"
  );
}

function escapeInner(part: string, index: number): string {
  return index === 0 ? systemdEscape(part) : systemdEscape(`x${part}`).slice(1);
}

function hex(one: string): string {
  return [...Buffer.from(one)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}
