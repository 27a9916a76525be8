import { choose, type Codec, encode, type Infer, raw, type Received, sized, struct, u16, u32 } from '@sekimori/codec';
import { ANY_CURVE, ANY_HASH, TPMI_ALG_HASH, TPMI_ALG_PUBLIC, TPMI_ECC_CURVE } from './algorithms.ts';
import { TPMA_OBJECT } from './attributes.ts';
import { TPM2B_DIGEST, TPM2B_PUBLIC_KEY_RSA, TPMS_ECC_POINT } from './buffers.ts';
import { ANY_SCHEMES, SCHEMES, TPMT_SYM_DEF_OBJECT } from './schemes.ts';

/** TPMS_SYMCIPHER_PARMS. Part 2, 11.1.9. */
export const TPMS_SYMCIPHER_PARMS = struct('TPMS_SYMCIPHER_PARMS').field('sym', TPMT_SYM_DEF_OBJECT);

/** TPMT_PUBLIC and the parameters in it, over the algorithms given. */
function publicAreaOver<Hash, Curve, Kdf, Rsa, Ecc, Keyedhash>(
  hash: Codec<Hash>,
  curve: Codec<Curve>,
  schemes: {
    readonly kdf: Codec<Kdf>;
    readonly rsa: Codec<Rsa>;
    readonly ecc: Codec<Ecc>;
    readonly keyedhash: Codec<Keyedhash>;
  },
) {
  const rsa = struct('TPMS_RSA_PARMS')
    .field('symmetric', TPMT_SYM_DEF_OBJECT)
    .field('scheme', schemes.rsa)
    .field('keyBits', u16)
    .field('exponent', u32);
  const ecc = struct('TPMS_ECC_PARMS')
    .field('symmetric', TPMT_SYM_DEF_OBJECT)
    .field('scheme', schemes.ecc)
    .field('curveID', curve)
    .field('kdf', schemes.kdf);
  const keyedhash = struct('TPMS_KEYEDHASH_PARMS').field('scheme', schemes.keyedhash);
  const area = struct('TPMT_PUBLIC')
    .field('type', TPMI_ALG_PUBLIC)
    .field('nameAlg', hash)
    .field('objectAttributes', TPMA_OBJECT)
    .field('authPolicy', TPM2B_DIGEST)
    .field('parameters', (seen) => choose(seen.type, { rsa, ecc, keyedhash, symcipher: TPMS_SYMCIPHER_PARMS }))
    .field('unique', (seen) =>
      choose(seen.type, {
        rsa: TPM2B_PUBLIC_KEY_RSA,
        ecc: TPMS_ECC_POINT,
        keyedhash: TPM2B_DIGEST,
        symcipher: TPM2B_DIGEST,
      }),
    );
  return { rsa, ecc, keyedhash, area };
}

const COMPUTED = publicAreaOver(TPMI_ALG_HASH, TPMI_ECC_CURVE, SCHEMES);

/** TPMS_RSA_PARMS. Part 2, 12.2.3.5. `keyBits`; an `exponent` of 0 stands for 65537. */
export const TPMS_RSA_PARMS = COMPUTED.rsa;
/** TPMS_ECC_PARMS. Part 2, 12.2.3.6. */
export const TPMS_ECC_PARMS = COMPUTED.ecc;
/** TPMS_KEYEDHASH_PARMS. Part 2, 12.2.3.3. */
export const TPMS_KEYEDHASH_PARMS = COMPUTED.keyedhash;

/** TPMT_PUBLIC. Part 2, 12.2.4. Of objects whose algorithms we compute with; others are a fault. */
export const TPMT_PUBLIC = COMPUTED.area;
export type TpmtPublic = Infer<typeof TPMT_PUBLIC>;

/** TPMT_PUBLIC with every algorithm of the TCG's registry, such as EK template H-5 has: to read and to show, not to judge. */
export const ANY_TPMT_PUBLIC = publicAreaOver(ANY_HASH, ANY_CURVE, ANY_SCHEMES).area;
export type AnyTpmtPublic = Infer<typeof ANY_TPMT_PUBLIC>;

/** A public area with the bytes that arrived: its Name is a digest of those bytes, never of an encoding of ours. */
export type PublicArea = Received<TpmtPublic>;

/** TPM2B_PUBLIC. Part 2, 12.2.5. */
export const TPM2B_PUBLIC = sized(u16, 1024, raw(TPMT_PUBLIC), 'TPM2B_PUBLIC');
/** TPM2B_PUBLIC around an `ANY_TPMT_PUBLIC`. */
export const ANY_TPM2B_PUBLIC = sized(u16, 1024, ANY_TPMT_PUBLIC, 'TPM2B_PUBLIC');

/** A public area of our own making: a template. */
export function publicArea(value: TpmtPublic): PublicArea {
  return { value, bytes: encode(TPMT_PUBLIC, value) };
}
