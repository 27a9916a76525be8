import { nodeCrypto } from '@sekimori/crypto-core/node';

/** A crypto that counts the signatures it checks. */
export function counted() {
  let count = 0;
  const verify = (...args: Parameters<typeof nodeCrypto.verify>) => (count++, nodeCrypto.verify(...args));
  return { crypto: { ...nodeCrypto, verify }, verified: () => count };
}
