import { type Codec, type Infer, struct, u16 } from '@sekimori/codec';
import { algorithms, ANY_HASH, TPMI_ALG_HASH, TPMI_ALG_SYM_MODE } from './algorithms.ts';
import { union } from './union.ts';

const NOTHING = struct('TPMS_EMPTY');
const SYMMETRIC = struct('TPMU_SYM').field('keyBits', u16).field('mode', TPMI_ALG_SYM_MODE);
/** Part 2, 9.32. */
const TPMI_ALG_KDF = algorithms('TPMI_ALG_KDF', ['null', 'mgf1', 'kdf1_sp800_56a', 'kdf2', 'kdf1_sp800_108']);
const CIPHERS = { aes: SYMMETRIC, sm4: SYMMETRIC, camellia: SYMMETRIC, tdes: SYMMETRIC };

/** The schemes of keys and signatures, over the hashes that `hash` knows. */
function schemesOver<Hash>(hash: Codec<Hash>) {
  const hashed = struct('TPMS_SCHEME_HASH').field('hashAlg', hash);
  const kdf = union('TPMT_KDF_SCHEME', 'scheme', TPMI_ALG_KDF, {
    null: NOTHING,
    mgf1: hashed,
    kdf1_sp800_56a: hashed,
    kdf2: hashed,
    kdf1_sp800_108: hashed,
  });
  const ecdaa = struct('TPMS_SCHEME_ECDAA').field('hashAlg', hash).field('count', u16);
  return {
    kdf,
    rsa: union(
      'TPMT_RSA_SCHEME',
      'scheme',
      algorithms('TPMI_ALG_RSA_SCHEME', ['null', 'rsassa', 'rsapss', 'rsaes', 'oaep']),
      { null: NOTHING, rsassa: hashed, rsapss: hashed, rsaes: NOTHING, oaep: hashed },
    ),
    ecc: union(
      'TPMT_ECC_SCHEME',
      'scheme',
      algorithms('TPMI_ALG_ECC_SCHEME', ['null', 'ecdsa', 'ecdh', 'ecdaa', 'sm2', 'ecschnorr', 'ecmqv']),
      { null: NOTHING, ecdsa: hashed, ecdh: hashed, ecdaa, sm2: hashed, ecschnorr: hashed, ecmqv: hashed },
    ),
    keyedhash: union(
      'TPMT_KEYEDHASH_SCHEME',
      'scheme',
      algorithms('TPMI_ALG_KEYEDHASH_SCHEME', ['null', 'hmac', 'xor']),
      { null: NOTHING, hmac: hashed, xor: struct('TPMS_SCHEME_XOR').field('hashAlg', hash).field('kdf', TPMI_ALG_KDF) },
    ),
  };
}

/** Over the hashes that we compute. */
export const SCHEMES = schemesOver(TPMI_ALG_HASH);
/** Over every hash of the registry, to read and to show. */
export const ANY_SCHEMES = schemesOver(ANY_HASH);

/** TPMT_KDF_SCHEME. Part 2, 11.2.3.3. */
export const TPMT_KDF_SCHEME = SCHEMES.kdf;
/** TPMT_RSA_SCHEME. Part 2, 11.2.4.2. */
export const TPMT_RSA_SCHEME = SCHEMES.rsa;
/** TPMT_ECC_SCHEME. Part 2, 11.2.5.6. */
export const TPMT_ECC_SCHEME = SCHEMES.ecc;
/** TPMT_KEYEDHASH_SCHEME. Part 2, 11.1.23. */
export const TPMT_KEYEDHASH_SCHEME = SCHEMES.keyedhash;
export type TpmtRsaScheme = Infer<typeof TPMT_RSA_SCHEME>;
export type TpmtEccScheme = Infer<typeof TPMT_ECC_SCHEME>;

const HASHED = struct('TPMS_SCHEME_HASH').field('hashAlg', TPMI_ALG_HASH);

/** TPMT_SIG_SCHEME. Part 2, 11.2.1.5. */
export const TPMT_SIG_SCHEME = union(
  'TPMT_SIG_SCHEME',
  'scheme',
  algorithms('TPMI_ALG_SIG_SCHEME', ['null', 'rsassa', 'rsapss', 'ecdsa', 'ecdaa', 'sm2', 'ecschnorr', 'hmac']),
  {
    null: NOTHING,
    rsassa: HASHED,
    rsapss: HASHED,
    ecdsa: HASHED,
    ecdaa: struct('TPMS_SCHEME_ECDAA').field('hashAlg', TPMI_ALG_HASH).field('count', u16),
    sm2: HASHED,
    ecschnorr: HASHED,
    hmac: HASHED,
  },
);

/** TPMT_RSA_DECRYPT. Part 2, 11.2.4.4. */
export const TPMT_RSA_DECRYPT = union(
  'TPMT_RSA_DECRYPT',
  'scheme',
  algorithms('TPMI_ALG_RSA_DECRYPT', ['null', 'rsaes', 'oaep']),
  { null: NOTHING, rsaes: NOTHING, oaep: HASHED },
);

/** TPMT_SYM_DEF_OBJECT. Part 2, 11.1.7. */
export const TPMT_SYM_DEF_OBJECT = union(
  'TPMT_SYM_DEF_OBJECT',
  'algorithm',
  algorithms('TPMI_ALG_SYM_OBJECT', ['null', 'aes', 'sm4', 'camellia', 'tdes']),
  { null: NOTHING, ...CIPHERS },
);

/** TPMT_SYM_DEF. Part 2, 11.1.6. */
export const TPMT_SYM_DEF = union(
  'TPMT_SYM_DEF',
  'algorithm',
  algorithms('TPMI_ALG_SYM', ['null', 'aes', 'sm4', 'camellia', 'tdes', 'xor']),
  { null: NOTHING, ...CIPHERS, xor: HASHED },
);
export type TpmtSymDef = Infer<typeof TPMT_SYM_DEF>;
