/** Where a server listens: `HOST:PORT`, `[::]:5070`, `:5070` or `5070` for every address. */
import { KeywardError } from "../base/errors.ts";
import { printable } from "../model/name.ts";

export interface Listen {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

/** @throws KeywardError `usage` */
export function parseListen(text: string): Listen {
  const match = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]*)):)?([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3] ?? Number.NaN);
  if (match === null || port > 65_535)
    throw new KeywardError("usage", `--listen ${printable(text)}: want HOST:PORT`, {
      hint: "as 127.0.0.1:5070, 0.0.0.0:5070 for every address, or [::]:5070",
    });
  return { host: match[1] ?? (match[2] === undefined || match[2] === "" ? "0.0.0.0" : match[2]), port };
}

/** `https://host:port`, as someone on this machine reaches it. */
export function reachableAt({ host, port }: Listen): string {
  const local = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `https://${local.includes(":") ? `[${local}]` : local}:${port}`;
}
