/** Which certificates to trust for a daemon: as Go finds them, SSL_CERT_FILE and SSL_CERT_DIR first. */
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { readPem } from "../command/read-file.ts";
import type { World } from "../command/world.ts";

/** Of Debian, Fedora, SUSE, OpenELEC, CentOS and Alpine (Go, crypto/x509/root_linux.go). */
const systemFiles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/**
 * @param file - Typed: this and nothing else. Empty: the variables, or the system.
 * @returns `null` for the runtime's own list, where the system has none.
 * @throws KeywardError `local`, `malformed`
 */
export function trustedCertificates(file: string, { env, cwd }: Pick<World, "env" | "cwd">): string[] | null {
  if (file !== "") return readPem(path.resolve(cwd, file));
  const named = env.SSL_CERT_FILE ?? "";
  const directories = (env.SSL_CERT_DIR ?? "").split(":").filter((one) => one !== "");
  if (named === "" && directories.length === 0) {
    const found = systemFiles.find((one) => existsSync(one));
    return found === undefined ? null : readPem(found);
  }
  const files = directories.flatMap((one) => readdirSync(one).map((name) => path.join(one, name)));
  return [...(named === "" ? [] : [path.resolve(cwd, named)]), ...files].flatMap((one) => readPem(one));
}
