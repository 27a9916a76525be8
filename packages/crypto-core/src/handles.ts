import { fitsKey, type SignatureAlgorithm, signatureAlgorithmFor } from './algorithms.ts';
import type { AgreementKey, PrivateKey, SigningKey } from './crypto.ts';

/** A private key as the handle of one who signs. Throws where the algorithm does not fit the key. */
export function signingKeyOf(
  key: PrivateKey,
  algorithm: SignatureAlgorithm = signatureAlgorithmFor(key.publicKey),
): SigningKey {
  if (!fitsKey(key.publicKey.type, algorithm)) throw new RangeError(`${algorithm} does not fit this key`);
  return { publicKey: key.publicKey, algorithm, sign: (data) => key.sign(algorithm, data) };
}

/** A private key as the handle of one who agrees (ECDH). Throws for an RSA key. */
export function agreementKeyOf(key: PrivateKey): AgreementKey {
  const { publicKey } = key;
  if (publicKey.type !== 'ec') throw new RangeError('only an EC key agrees');
  return { publicKey, agree: (peer) => key.agree(peer) };
}
