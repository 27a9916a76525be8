import { closed, type Codec, open, u16 } from '@sekimori/codec';
import type { CurveName, HashName } from '@sekimori/crypto-core';

/** TPM_ALG_ID by name. TCG Algorithm Registry, table 3. */
export const TPM_ALG = {
  rsa: 0x0001,
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

/** Any algorithm, also one without a name here: for tools that list what a TPM can do. */
export const TPM_ALG_ID = open('TPM_ALG_ID', u16, TPM_ALG);

/** The hashes we compute. SM3 and SHA-3 banks are unknown numbers to evidence, hence faults. */
export const TPMI_ALG_HASH: Codec<HashName> = algorithms('TPMI_ALG_HASH', ['sha1', 'sha256', 'sha384', 'sha512']);
export const TPMI_ALG_PUBLIC = algorithms('TPMI_ALG_PUBLIC', ['rsa', 'ecc', 'keyedhash', 'symcipher']);
export const TPMI_ALG_SYM_MODE = algorithms('TPMI_ALG_SYM_MODE', ['ctr', 'ofb', 'cbc', 'cfb', 'ecb', 'null']);

/** TPM_ECC_CURVE. TCG Algorithm Registry, table 4. */
export const TPMI_ECC_CURVE = closed('TPMI_ECC_CURVE', u16, { 'P-256': 3, 'P-384': 4, 'P-521': 5 } satisfies Record<
  CurveName,
  number
>);

/** A closed choice of algorithms, as Part 2 section 9 has one for each place where an algorithm may stand. */
export function algorithms<const Names extends readonly TpmAlgorithm[]>(
  name: string,
  names: Names,
): Codec<Names[number]> {
  const numbers = Object.fromEntries(names.map((each) => [each, TPM_ALG[each]]));
  return closed(name, u16, numbers as Record<Names[number], number>);
}
