import { decodeDiskHeader } from "../../src/adapters/luks/disk-header.ts";
import { sha256 } from "../../src/crypto/hash.ts";

const SIZE = 16_384;

/** Whole to its checksums, so that damage reaches what lies behind them. */
function summed(bytes: Uint8Array): Buffer {
  const both = Buffer.from(bytes);
  for (const offset of [0, SIZE]) {
    const copy = both.subarray(offset, offset + SIZE);
    if (copy.length < SIZE) break;
    copy.fill(0, 448, 512);
    copy.set(sha256(copy), 448);
  }
  return both;
}

function copyOf(magic: string, offset: number): Buffer {
  const copy = Buffer.alloc(SIZE);
  copy.write(`${magic}\xba\xbe`, "latin1");
  copy.writeUInt16BE(2, 6);
  copy.writeBigUInt64BE(BigInt(SIZE), 8);
  copy.writeBigUInt64BE(7n, 16);
  copy.write("sha256", 72);
  copy.write("0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", 168);
  copy.write("keyward-new", 208);
  copy.writeBigUInt64BE(BigInt(offset), 256);
  copy.write(JSON.stringify({ keyslots: {}, tokens: {}, config: { json_size: "12288" } }), 4096);
  return copy;
}

export default {
  name: "LUKS2 header on a device",
  examples: [summed(Buffer.concat([copyOf("LUKS", 0), copyOf("SKUL", SIZE)]))],
  run(bytes: Uint8Array): void {
    decodeDiskHeader(bytes.byteLength % 2 === 0 ? bytes : summed(bytes));
  },
};
