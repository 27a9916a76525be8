import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';

/** From the operating system's CSPRNG; no copy is left. */
export function randomSecret(length: number): Secret {
  const bytes = crypto.random(length);
  const secret = new Secret(bytes);
  bytes.fill(0);
  return secret;
}
