import { choose, encode, type Infer, raw, type Received, sized, struct, u16, u32 } from '@sekimori/codec';
import { TPMI_ALG_HASH, TPMI_ALG_PUBLIC, TPMI_ECC_CURVE } from './algorithms.ts';
import { TPMA_OBJECT } from './attributes.ts';
import { TPM2B_DIGEST, TPM2B_PUBLIC_KEY_RSA, TPMS_ECC_POINT } from './buffers.ts';
import {
  TPMT_ECC_SCHEME,
  TPMT_KDF_SCHEME,
  TPMT_KEYEDHASH_SCHEME,
  TPMT_RSA_SCHEME,
  TPMT_SYM_DEF_OBJECT,
} from './schemes.ts';

/** Part 2, 12.2.3.5. An exponent of 0 stands for 65537. */
export const TPMS_RSA_PARMS = struct('TPMS_RSA_PARMS')
  .field('symmetric', TPMT_SYM_DEF_OBJECT)
  .field('scheme', TPMT_RSA_SCHEME)
  .field('keyBits', u16)
  .field('exponent', u32);

/** Part 2, 12.2.3.6. */
export const TPMS_ECC_PARMS = struct('TPMS_ECC_PARMS')
  .field('symmetric', TPMT_SYM_DEF_OBJECT)
  .field('scheme', TPMT_ECC_SCHEME)
  .field('curveID', TPMI_ECC_CURVE)
  .field('kdf', TPMT_KDF_SCHEME);

/** Part 2, 12.2.3.3. */
export const TPMS_KEYEDHASH_PARMS = struct('TPMS_KEYEDHASH_PARMS').field('scheme', TPMT_KEYEDHASH_SCHEME);

/** Part 2, 11.1.9. */
export const TPMS_SYMCIPHER_PARMS = struct('TPMS_SYMCIPHER_PARMS').field('sym', TPMT_SYM_DEF_OBJECT);

/** TPMT_PUBLIC. Part 2, 12.2.4. */
export const TPMT_PUBLIC = struct('TPMT_PUBLIC')
  .field('type', TPMI_ALG_PUBLIC)
  .field('nameAlg', TPMI_ALG_HASH)
  .field('objectAttributes', TPMA_OBJECT)
  .field('authPolicy', TPM2B_DIGEST)
  .field('parameters', (seen) =>
    choose(seen.type, {
      rsa: TPMS_RSA_PARMS,
      ecc: TPMS_ECC_PARMS,
      keyedhash: TPMS_KEYEDHASH_PARMS,
      symcipher: TPMS_SYMCIPHER_PARMS,
    }),
  )
  .field('unique', (seen) =>
    choose(seen.type, {
      rsa: TPM2B_PUBLIC_KEY_RSA,
      ecc: TPMS_ECC_POINT,
      keyedhash: TPM2B_DIGEST,
      symcipher: TPM2B_DIGEST,
    }),
  );
export type TpmtPublic = Infer<typeof TPMT_PUBLIC>;

/** A public area with the bytes that arrived: its Name is a digest of those bytes, never of an encoding of ours. */
export type PublicArea = Received<TpmtPublic>;

/** TPM2B_PUBLIC. Part 2, 12.2.5. */
export const TPM2B_PUBLIC = sized(u16, 1024, raw(TPMT_PUBLIC), 'TPM2B_PUBLIC');

/** A public area of our own making: a template. */
export function publicArea(value: TpmtPublic): PublicArea {
  return { value, bytes: encode(TPMT_PUBLIC, value) };
}
