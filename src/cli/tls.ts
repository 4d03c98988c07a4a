// Certificate and key of a server that speaks HTTPS itself, read from their files and checked before anything is opened.
// What always holds: both or neither; what is wrong is told with the file's name and never with a word of the key.

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isLoopback } from "../access/hosts.ts";
import type { Settings } from "../config.ts";
import { GuardianError, reasonOf } from "../errors.ts";

/** cert, key: PEM. validUntil: of the first certificate, ms since the epoch. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
  readonly validUntil: number;
}

/** What the settings name; null where the server speaks plain HTTP. Throws `invalid_setting`. */
export async function readTls({ tlsCert, tlsKey }: Pick<Settings, "tlsCert" | "tlsKey">): Promise<Tls | null> {
  if (tlsCert === null && tlsKey === null) return null;
  if (tlsCert === null) throw refused("--tls-key is set without --tls-cert", "name both, or neither");
  if (tlsKey === null) throw refused("--tls-cert is set without --tls-key", "name both, or neither");
  const [cert, key] = [await textOf(tlsCert), await textOf(tlsKey)];
  const certificate = certificateIn(cert, tlsCert);
  if (!certificate.checkPrivateKey(keyIn(key, tlsKey))) {
    throw refused(`the key in "${tlsKey}" does not belong to the certificate in "${tlsCert}"`, "name the two that were made together");
  }
  return { cert, key, validUntil: Date.parse(certificate.validTo) };
}

/** Whether others reach a server without HTTPS, its own or that of a proxy. */
export function isPlainForOthers({ host, trustedProxies }: Pick<Settings, "host" | "trustedProxies">, tls: Tls | null): boolean {
  return tls === null && !isLoopback(host) && trustedProxies.length === 0;
}

async function textOf(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw refused(`"${path}" cannot be read: ${reasonOf(cause)}`, "name a file that this user can read", cause);
  }
}

function certificateIn(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw refused(`"${path}" holds no certificate`, 'name a PEM file that begins with "-----BEGIN CERTIFICATE-----"');
  }
}

/** Causes are left out: nobody has looked whether they quote the file. */
function keyIn(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw refused(`"${path}" holds no private key that can be used`, "name a PEM file with a key that has no password");
  }
}

function refused(why: string, mend: string, cause?: unknown): GuardianError {
  return new GuardianError("invalid_setting", `Cannot serve HTTPS: ${why}; ${mend}`, { cause });
}
