import { type Codec, constant, type Infer, raw, rest, sized, struct, u8, u16, u32 } from '@sekimori/codec';
import { TPM_ALG_ID, TPMI_ALG_HASH } from './algorithms.ts';
import { TPMA_NV } from './attributes.ts';
import { TPM2B_AUTH, TPM2B_DATA, TPM2B_DIGEST, TPM2B_NAME, TPM2B_SENSITIVE_DATA } from './buffers.ts';
import { TPML_PCR_SELECTION } from './pcr-selection.ts';

/** Tickets: a tag, a hierarchy, a digest that only the TPM can make. Part 2, 10.7. */
const ticket = <const Tag extends number>(name: string, tag: Tag) =>
  struct(name).field('tag', constant(u16, tag)).field('hierarchy', u32).field('digest', TPM2B_DIGEST);
export const TPMT_TK_CREATION = ticket('TPMT_TK_CREATION', 0x8021);
export const TPMT_TK_VERIFIED = ticket('TPMT_TK_VERIFIED', 0x8022);
/** As TPM2_PolicySecret gives it. */
export const TPMT_TK_AUTH = ticket('TPMT_TK_AUTH', 0x8023);
export const TPMT_TK_HASHCHECK = ticket('TPMT_TK_HASHCHECK', 0x8024);

/** TPMS_CREATION_DATA. Part 2, 15.1. A primary's parent is its hierarchy, named by the handle. */
export const TPMS_CREATION_DATA = struct('TPMS_CREATION_DATA')
  .field('pcrSelect', TPML_PCR_SELECTION)
  .field('pcrDigest', TPM2B_DIGEST)
  .field('locality', u8)
  .field('parentNameAlg', TPM_ALG_ID)
  .field('parentName', TPM2B_NAME)
  .field('parentQualifiedName', TPM2B_NAME)
  .field('outsideInfo', TPM2B_DATA);
export const TPM2B_CREATION_DATA = sized(u16, 512, TPMS_CREATION_DATA, 'TPM2B_CREATION_DATA');

/** TPM2B_SENSITIVE_CREATE. Part 2, 11.1.16. */
export const TPM2B_SENSITIVE_CREATE = sized(
  u16,
  512,
  struct('TPMS_SENSITIVE_CREATE').field('userAuth', TPM2B_AUTH).field('data', TPM2B_SENSITIVE_DATA),
  'TPM2B_SENSITIVE_CREATE',
);
export const NO_SENSITIVE: Infer<typeof TPM2B_SENSITIVE_CREATE> = {
  userAuth: new Uint8Array(0),
  data: new Uint8Array(0),
};

/** TPMS_NV_PUBLIC. Part 2, 13.5. */
export const TPMS_NV_PUBLIC = struct('TPMS_NV_PUBLIC')
  .field('nvIndex', u32)
  .field('nameAlg', TPMI_ALG_HASH)
  .field('attributes', TPMA_NV)
  .field('authPolicy', TPM2B_DIGEST)
  .field('dataSize', u16);
export const TPM2B_NV_PUBLIC = sized(u16, 128, raw(TPMS_NV_PUBLIC), 'TPM2B_NV_PUBLIC');

/** TPMS_ID_OBJECT: the encrypted identity runs to the end, without a size of its own. Part 2, 12.4.2. */
export const TPMS_ID_OBJECT: Codec<{ readonly integrityHMAC: Uint8Array; readonly encIdentity: Uint8Array }> = struct(
  'TPMS_ID_OBJECT',
)
  .field('integrityHMAC', TPM2B_DIGEST)
  .field('encIdentity', rest(66));
export const TPM2B_ID_OBJECT = sized(u16, 132, raw(TPMS_ID_OBJECT), 'TPM2B_ID_OBJECT');
