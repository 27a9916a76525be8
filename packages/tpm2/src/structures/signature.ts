import { concat, leftPad } from '@sekimori/bytes';
import { type Infer, struct } from '@sekimori/codec';
import { type Crypto, curveWidth, type HashName, type PublicKey } from '@sekimori/crypto-core';
import { algorithms, TPMI_ALG_HASH } from './algorithms.ts';
import { TPM2B_ECC_PARAMETER, TPM2B_PUBLIC_KEY_RSA, TPMT_HA } from './buffers.ts';
import { union } from './union.ts';

const TPMS_SIGNATURE_RSA = struct('TPMS_SIGNATURE_RSA').field('hash', TPMI_ALG_HASH).field('sig', TPM2B_PUBLIC_KEY_RSA);
const TPMS_SIGNATURE_ECC = struct('TPMS_SIGNATURE_ECC')
  .field('hash', TPMI_ALG_HASH)
  .field('signatureR', TPM2B_ECC_PARAMETER)
  .field('signatureS', TPM2B_ECC_PARAMETER);

/** TPMT_SIGNATURE. Part 2, 11.3.4. Quotes are accepted with RSASSA, RSAPSS and ECDSA; the others are read to be shown. */
export const TPMT_SIGNATURE = union(
  'TPMT_SIGNATURE',
  'sigAlg',
  algorithms('TPMI_ALG_SIG', ['null', 'rsassa', 'rsapss', 'ecdsa', 'ecdaa', 'sm2', 'ecschnorr', 'hmac']),
  {
    null: struct('TPMS_EMPTY'),
    rsassa: TPMS_SIGNATURE_RSA,
    rsapss: TPMS_SIGNATURE_RSA,
    ecdsa: TPMS_SIGNATURE_ECC,
    ecdaa: TPMS_SIGNATURE_ECC,
    sm2: TPMS_SIGNATURE_ECC,
    ecschnorr: TPMS_SIGNATURE_ECC,
    hmac: TPMT_HA,
  },
);
export type TpmtSignature = Infer<typeof TPMT_SIGNATURE>;

/** What a signing key's public area fixes: nothing else is accepted in a signature. */
export interface SigningScheme {
  readonly scheme: 'rsassa' | 'rsapss' | 'ecdsa';
  readonly hashAlg: HashName;
}

/**
 * True when `signature` is one by `key` over `data`, with exactly the scheme the key was made for. The numbers of an
 * ECDSA signature may come short of leading zeros; the provider checks their range.
 */
export function verifySignature(
  crypto: Crypto,
  key: PublicKey,
  scheme: SigningScheme,
  data: Uint8Array,
  signature: TpmtSignature,
): boolean {
  if (signature.sigAlg !== scheme.scheme || !('hash' in signature) || signature.hash !== scheme.hashAlg) return false;
  const bytes = signatureBytes(key, signature);
  return bytes !== undefined && crypto.verify(key, `${scheme.scheme}-${scheme.hashAlg}`, data, bytes);
}

function signatureBytes(key: PublicKey, signature: TpmtSignature): Uint8Array | undefined {
  if ('sig' in signature) return key.type === 'rsa' ? signature.sig : undefined;
  if (key.type !== 'ec' || signature.sigAlg !== 'ecdsa') return undefined;
  const width = curveWidth(key.curve);
  const [r, s] = [leftPad(signature.signatureR, width), leftPad(signature.signatureS, width)];
  return r && s ? concat(r, s) : undefined;
}
