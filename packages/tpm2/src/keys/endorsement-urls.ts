import { concat, toBase64Url, toHex, u32be } from '@sekimori/bytes';
import type { Crypto, PublicKey } from '@sekimori/crypto-core';

/** Where Intel and AMD give out certificates of endorsement keys whose NV holds none. Nothing is fetched here. */
const INTEL = 'https://ekop.intel.com/ekcertservice/';
const AMD = 'https://ftpm.amd.com/pki/aia/';

const RSA_PREFIX = 0x2222;
const ECC_PREFIX = 0x4444;
const AMD_ID_LENGTH = 16;

/**
 * Of a PTT before the 11th generation of Core: base64url of SHA-256 over modulus and exponent, or over both coordinates, the padding
 * escaped. The answer is JSON, whose member `certificate` has the certificate in base64url. Undefined for an exponent other than
 * 65537, which this service has no name for.
 */
export function intelEkCertificateUrl(crypto: Crypto, key: PublicKey): string | undefined {
  if (key.type === 'rsa' && key.exponent !== 65537) return undefined;
  const exponent = Uint8Array.of(0x01, 0x00, 0x01);
  const named = key.type === 'rsa' ? concat(key.modulus, exponent) : concat(key.x, key.y);
  // 32 bytes are 43 characters and one of padding.
  return `${INTEL}${toBase64Url(crypto.hash('sha256', named))}%3D`;
}

/** Of an AMD firmware TPM: hex of the first 16 bytes of SHA-256 over a prefix and the key. The answer is the certificate, DER. */
export function amdEkCertificateUrl(crypto: Crypto, key: PublicKey): string {
  const named =
    key.type === 'rsa'
      ? concat(u32be(RSA_PREFIX), u32be(key.exponent), key.modulus)
      : concat(u32be(ECC_PREFIX), key.x, key.y);
  return AMD + toHex(crypto.hash('sha256', named).subarray(0, AMD_ID_LENGTH)).toUpperCase();
}
