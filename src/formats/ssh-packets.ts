/** Packets of SFTP and of ssh-agent: a uint32 length, then that many bytes, out of a stream that comes in any pieces. */
import { concat } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";

/** Bytes of one packet: more than any program of OpenSSH sends. */
export const MAX_PACKET = 262_144;

export interface Packets {
  /**
   * @returns The packets that are whole now, without their length.
   * @throws KeywardError `malformed` for one that is empty or too long.
   */
  take(chunk: Uint8Array): Uint8Array[];
}

export function createPackets(what: string): Packets {
  let left: Uint8Array = new Uint8Array();
  return {
    take(chunk) {
      const bytes = left.byteLength === 0 ? chunk : concat(left, chunk);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const found: Uint8Array[] = [];
      let at = 0;
      while (bytes.byteLength - at >= 4) {
        const length = view.getUint32(at);
        if (length === 0 || length > MAX_PACKET)
          throw new KeywardError("malformed", `${what}: a packet of ${length} bytes`);
        if (bytes.byteLength - at - 4 < length) break;
        found.push(bytes.slice(at + 4, at + 4 + length));
        at += 4 + length;
      }
      left = bytes.slice(at);
      return found;
    },
  };
}
