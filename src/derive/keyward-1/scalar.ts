/**
 * Scalars on the NIST curves: the order's bytes plus 8 are read, taken modulo (order − 1), plus 1 (FIPS 186-5
 * A.2.1), which favours no value by more than 2^-64.
 */
import { Secret } from "../../base/secret.ts";
import type { Stream } from "../../crypto/stream.ts";

const curves = {
  p256: { size: 32, order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n },
  p384: {
    size: 48,
    order:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
} as const;

export function readScalar(stream: Stream, curve: keyof typeof curves): Secret {
  const { size, order } = curves[curve];
  const wide = BigInt(`0x${Buffer.from(stream.read(size + 8)).toString("hex")}`);
  const scalar = (wide % (order - 1n)) + 1n;
  return Secret.take(new Uint8Array(Buffer.from(scalar.toString(16).padStart(size * 2, "0"), "hex")));
}
