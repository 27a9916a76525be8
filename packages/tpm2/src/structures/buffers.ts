import { blob, bytes, type Codec, type Infer, list, sized, struct, u16, u32 } from '@sekimori/codec';
import { HASHES } from '@sekimori/crypto-core';
import { TPMI_ALG_HASH } from './algorithms.ts';

/** Sized buffers. Part 2, 10.4 and 11. The bounds are the largest values of the algorithms we know (SHA-512, RSA-4096, P-521). */
export const TPM2B_DIGEST = blob(u16, 64, 'TPM2B_DIGEST');
/** Part 2, 10.4.4. */
export const TPM2B_NONCE = blob(u16, 64, 'TPM2B_NONCE');
/** An authValue. Part 2, 10.4.5. */
export const TPM2B_AUTH = blob(u16, 64, 'TPM2B_AUTH');
/** A hash algorithm and a digest: what qualifying data may hold. Part 2, 10.4.3. */
export const TPM2B_DATA = blob(u16, 66, 'TPM2B_DATA');
/** A hash algorithm and a digest, or a handle. Part 2, 10.5.3. */
export const TPM2B_NAME = blob(u16, 66, 'TPM2B_NAME');
/** Part 2, 10.4.9. */
export const TPM2B_MAX_NV_BUFFER = blob(u16, 2048, 'TPM2B_MAX_NV_BUFFER');
/** Part 2, 11.2.4.5. */
export const TPM2B_PUBLIC_KEY_RSA = blob(u16, 512, 'TPM2B_PUBLIC_KEY_RSA');
/** Part 2, 11.2.5.1. */
export const TPM2B_ECC_PARAMETER = blob(u16, 66, 'TPM2B_ECC_PARAMETER');
/** Part 2, 11.4.3. */
export const TPM2B_ENCRYPTED_SECRET = blob(u16, 512, 'TPM2B_ENCRYPTED_SECRET');
/** With all that TPM2_NV_Certify may put in: TPM2B_MAX_NV_BUFFER, two Names, qualifying data. Part 2, 10.12.13. */
export const TPM2B_ATTEST = blob(u16, 2304, 'TPM2B_ATTEST');
/** The bytes of sealed data that the usual TPMs take at the most. Part 2, 11.1.13. */
export const MAX_SYM_DATA = 128;
/** Part 2, 11.1.14. */
export const TPM2B_SENSITIVE_DATA = blob(u16, 256, 'TPM2B_SENSITIVE_DATA');
/** The sensitive part of an object, encrypted by its parent: opaque to all but the TPM. Part 2, 12.3.7. */
export const TPM2B_PRIVATE = blob(u16, 1024, 'TPM2B_PRIVATE');
/** Part 2, 10.4.10. */
export const TPM2B_TIMEOUT = blob(u16, 8, 'TPM2B_TIMEOUT');
/** Part 2, 10.4.5. */
export const TPM2B_OPERAND = blob(u16, 64, 'TPM2B_OPERAND');
/** Part 2, 10.4.7. */
export const TPM2B_EVENT = blob(u16, 1024, 'TPM2B_EVENT');
/** Part 2, 10.4.8. What TPM2_Hash takes, and more than TPM_PT_INPUT_BUFFER says. */
export const TPM2B_MAX_BUFFER = blob(u16, 2048, 'TPM2B_MAX_BUFFER');
/** One prime factor of an RSA-4096 key at most. Part 2, 11.2.4.7. */
export const TPM2B_PRIVATE_KEY_RSA = blob(u16, 256, 'TPM2B_PRIVATE_KEY_RSA');
/** Part 2, 11.1.8. */
export const TPM2B_SYM_KEY = blob(u16, 32, 'TPM2B_SYM_KEY');
/** A saved context, opaque to all but the TPM. Part 2, 14.4. */
export const TPM2B_CONTEXT_DATA = blob(u16, 4096, 'TPM2B_CONTEXT_DATA');

/** At most eight digests. Part 2, 10.9.5. */
export const TPML_DIGEST = list(u32, 8, TPM2B_DIGEST);

/** TPMT_HA: a digest as long as its algorithm says. Part 2, 10.3.2. */
export const TPMT_HA = struct('TPMT_HA')
  .field('hashAlg', TPMI_ALG_HASH)
  .field('digest', (seen): Codec<Uint8Array> => bytes(HASHES[seen.hashAlg]));
/** A digest for each bank. Part 2, 10.9.6. */
export const TPML_DIGEST_VALUES = list(u32, 8, TPMT_HA);

/** TPMS_ECC_POINT. Part 2, 11.2.5.2. Leading zeros may be missing: pad to the curve's width before use. */
export const TPMS_ECC_POINT = struct('TPMS_ECC_POINT').field('x', TPM2B_ECC_PARAMETER).field('y', TPM2B_ECC_PARAMETER);
export type TpmsEccPoint = Infer<typeof TPMS_ECC_POINT>;
/** Part 2, 11.2.5.3. */
export const TPM2B_ECC_POINT = sized(u16, 136, TPMS_ECC_POINT, 'TPM2B_ECC_POINT');
