import { type Infer, struct, u16 } from '@sekimori/codec';
import { algorithms, TPMI_ALG_HASH, TPMI_ALG_SYM_MODE } from './algorithms.ts';
import { union } from './union.ts';

const NOTHING = struct('TPMS_EMPTY');
const HASHED = struct('TPMS_SCHEME_HASH').field('hashAlg', TPMI_ALG_HASH);
const SYMMETRIC = struct('TPMU_SYM').field('keyBits', u16).field('mode', TPMI_ALG_SYM_MODE);

/** TPMT_KDF_SCHEME. Part 2, 11.2.3.3. */
export const TPMT_KDF_SCHEME = union(
  'TPMT_KDF_SCHEME',
  'scheme',
  algorithms('TPMI_ALG_KDF', ['null', 'mgf1', 'kdf1_sp800_56a', 'kdf2', 'kdf1_sp800_108']),
  { null: NOTHING, mgf1: HASHED, kdf1_sp800_56a: HASHED, kdf2: HASHED, kdf1_sp800_108: HASHED },
);

/** TPMT_RSA_SCHEME. Part 2, 11.2.4.2. */
export const TPMT_RSA_SCHEME = union(
  'TPMT_RSA_SCHEME',
  'scheme',
  algorithms('TPMI_ALG_RSA_SCHEME', ['null', 'rsassa', 'rsapss', 'rsaes', 'oaep']),
  { null: NOTHING, rsassa: HASHED, rsapss: HASHED, rsaes: NOTHING, oaep: HASHED },
);

/** TPMT_ECC_SCHEME. Part 2, 11.2.5.6. */
export const TPMT_ECC_SCHEME = union(
  'TPMT_ECC_SCHEME',
  'scheme',
  algorithms('TPMI_ALG_ECC_SCHEME', ['null', 'ecdsa', 'ecdh', 'ecdaa']),
  { null: NOTHING, ecdsa: HASHED, ecdh: HASHED, ecdaa: HASHED.field('count', u16) },
);

/** TPMT_KEYEDHASH_SCHEME. Part 2, 11.1.23. */
export const TPMT_KEYEDHASH_SCHEME = union(
  'TPMT_KEYEDHASH_SCHEME',
  'scheme',
  algorithms('TPMI_ALG_KEYEDHASH_SCHEME', ['null', 'hmac', 'xor']),
  { null: NOTHING, hmac: HASHED, xor: HASHED.field('kdf', TPMT_KDF_SCHEME) },
);

/** TPMT_SIG_SCHEME. Part 2, 11.2.1.5. */
export const TPMT_SIG_SCHEME = union(
  'TPMT_SIG_SCHEME',
  'scheme',
  algorithms('TPMI_ALG_SIG_SCHEME', ['null', 'rsassa', 'rsapss', 'ecdsa']),
  { null: NOTHING, rsassa: HASHED, rsapss: HASHED, ecdsa: HASHED },
);

/** TPMT_SYM_DEF_OBJECT. Part 2, 11.1.7. */
export const TPMT_SYM_DEF_OBJECT = union(
  'TPMT_SYM_DEF_OBJECT',
  'algorithm',
  algorithms('TPMI_ALG_SYM_OBJECT', ['null', 'aes']),
  { null: NOTHING, aes: SYMMETRIC },
);

/** TPMT_SYM_DEF. Part 2, 11.1.6. */
export const TPMT_SYM_DEF = union('TPMT_SYM_DEF', 'algorithm', algorithms('TPMI_ALG_SYM', ['null', 'aes', 'xor']), {
  null: NOTHING,
  aes: SYMMETRIC,
  xor: HASHED,
});

export type TpmtRsaScheme = Infer<typeof TPMT_RSA_SCHEME>;
export type TpmtEccScheme = Infer<typeof TPMT_ECC_SCHEME>;
