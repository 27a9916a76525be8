import { closed, type Codec, open, u16 } from '@sekimori/codec';
import type { CurveName, HashName } from '@sekimori/crypto-core';

/** TPM_ALG_ID by name. TCG Algorithm Registry, table 3. */
export const TPM_ALG = {
  rsa: 0x0001,
  tdes: 0x0003,
  sha1: 0x0004,
  hmac: 0x0005,
  aes: 0x0006,
  mgf1: 0x0007,
  keyedhash: 0x0008,
  xor: 0x000a,
  sha256: 0x000b,
  sha384: 0x000c,
  sha512: 0x000d,
  null: 0x0010,
  sm3_256: 0x0012,
  sm4: 0x0013,
  rsassa: 0x0014,
  rsaes: 0x0015,
  rsapss: 0x0016,
  oaep: 0x0017,
  ecdsa: 0x0018,
  ecdh: 0x0019,
  ecdaa: 0x001a,
  sm2: 0x001b,
  ecschnorr: 0x001c,
  ecmqv: 0x001d,
  kdf1_sp800_56a: 0x0020,
  kdf2: 0x0021,
  kdf1_sp800_108: 0x0022,
  ecc: 0x0023,
  symcipher: 0x0025,
  camellia: 0x0026,
  sha3_256: 0x0027,
  sha3_384: 0x0028,
  sha3_512: 0x0029,
  cmac: 0x003f,
  ctr: 0x0040,
  ofb: 0x0041,
  cbc: 0x0042,
  cfb: 0x0043,
  ecb: 0x0044,
} as const;
export type TpmAlgorithm = keyof typeof TPM_ALG;

/** Any algorithm, also one without a name here: for tools that list what a TPM can do. Part 2, 6.3. */
export const TPM_ALG_ID = open('TPM_ALG_ID', u16, TPM_ALG);

const COMPUTED = ['sha1', 'sha256', 'sha384', 'sha512'] as const satisfies readonly HashName[];
/** The hashes we compute. Part 2, 9.27. SM3 and SHA-3 are unknown numbers to evidence, hence faults. */
export const TPMI_ALG_HASH: Codec<HashName> = algorithms('TPMI_ALG_HASH', COMPUTED);
/** Every hash of the registry, also those that are read and shown only. */
export const ANY_HASH = algorithms('TPMI_ALG_HASH', [...COMPUTED, 'sm3_256', 'sha3_256', 'sha3_384', 'sha3_512']);
/** Part 2, 12.2.2. */
export const TPMI_ALG_PUBLIC = algorithms('TPMI_ALG_PUBLIC', ['rsa', 'ecc', 'keyedhash', 'symcipher']);
/** Part 2, 9.31. */
export const TPMI_ALG_SYM_MODE = algorithms('TPMI_ALG_SYM_MODE', ['ctr', 'ofb', 'cbc', 'cfb', 'ecb', 'null']);

/** TPM_ECC_CURVE, as far as we compute on it. TCG Algorithm Registry, table 4. */
export const TPMI_ECC_CURVE = closed('TPMI_ECC_CURVE', u16, { 'P-256': 3, 'P-384': 4, 'P-521': 5 } satisfies Record<
  CurveName,
  number
>);
/** Every curve of the registry, also those that are read and shown only. */
export const ANY_CURVE = closed('TPM_ECC_CURVE', u16, {
  'P-192': 1,
  'P-224': 2,
  ...TPMI_ECC_CURVE.numbers,
  'BN-P256': 0x10,
  'BN-P638': 0x11,
  'SM2-P256': 0x20,
});
/** As a TPM lists the curves it has. Part 2, 10.8.6. */
export const TPM_ECC_CURVE = open('TPM_ECC_CURVE', u16, ANY_CURVE.numbers);

/** A closed choice of algorithms, as Part 2 section 9 has one for each place where an algorithm may stand. */
export function algorithms<const Names extends readonly TpmAlgorithm[]>(
  name: string,
  names: Names,
): Codec<Names[number]> {
  const numbers = Object.fromEntries(names.map((each) => [each, TPM_ALG[each]]));
  return closed(name, u16, numbers as Record<Names[number], number>);
}
