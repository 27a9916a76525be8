import { expectOk } from '@sekimori/result';
import { ECDH, WYCHEPROOF_RSA } from '../src/contract/published.ts';
import { type Crypto, ecdsaFromDer, type PublicKeySpec, type SignatureAlgorithm } from '../src/index.ts';
import { nodeCrypto } from '../src/node/index.ts';
import { portableCrypto } from '../src/portable/index.ts';

const ALGORITHMS = ['rsassa-sha256', 'rsapss-sha256', 'ecdsa-sha256'] as const;
const RSA: PublicKeySpec = { type: 'rsa', ...WYCHEPROOF_RSA };
const EC: PublicKeySpec = { type: 'ec', ...ECDH[0] };
const providers = [nodeCrypto, portableCrypto].map((crypto) => ({
  crypto,
  rsa: expectOk(crypto.publicKey(RSA)),
  ec: expectOk(crypto.publicKey(EC)),
}));

/** The first byte chooses the scheme, the rest is a signature over the published message. Both providers must say the same. */
export default function (bytes: Uint8Array): void {
  const algorithm = ALGORITHMS[(bytes[0] ?? 0) % ALGORITHMS.length] as SignatureAlgorithm;
  const signature = bytes.subarray(1);
  void ecdsaFromDer(signature, 'P-256');
  const said = providers.map(({ crypto, rsa, ec }) =>
    holds(crypto, algorithm.startsWith('ecdsa') ? ec : rsa, algorithm, signature),
  );
  if (said[0] !== said[1]) throw new Error(`the providers do not say the same of ${algorithm}`);
}

function holds(
  crypto: Crypto,
  key: Parameters<Crypto['verify']>[0],
  algorithm: SignatureAlgorithm,
  signature: Uint8Array,
) {
  return crypto.verify(key, algorithm, WYCHEPROOF_RSA.message, signature);
}
