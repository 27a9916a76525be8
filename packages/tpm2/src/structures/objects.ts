import {
  choose,
  closed,
  type Codec,
  constant,
  type Infer,
  raw,
  rest,
  sized,
  struct,
  u16,
  u32,
  u64,
} from '@sekimori/codec';
import { TPM_ALG_ID, TPMI_ALG_HASH, TPMI_ALG_PUBLIC } from './algorithms.ts';
import { TPMA_LOCALITY, TPMA_NV } from './attributes.ts';
import {
  TPM2B_AUTH,
  TPM2B_CONTEXT_DATA,
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_ECC_PARAMETER,
  TPM2B_NAME,
  TPM2B_PRIVATE_KEY_RSA,
  TPM2B_SENSITIVE_DATA,
  TPM2B_SYM_KEY,
} from './buffers.ts';
import { TPM_RH } from './handles.ts';
import { TPML_PCR_SELECTION } from './pcr-selection.ts';

/** Tickets: a tag, a hierarchy, a digest that only the TPM can make. Part 2, 10.7. */
const ticket = <Tag>(name: string, tag: Codec<Tag>) =>
  struct(name).field('tag', tag).field('hierarchy', u32).field('digest', TPM2B_DIGEST);
/** Part 2, 10.7.3. */
export const TPMT_TK_CREATION = ticket('TPMT_TK_CREATION', constant(u16, 0x8021));
/** Part 2, 10.7.4. */
export const TPMT_TK_VERIFIED = ticket('TPMT_TK_VERIFIED', constant(u16, 0x8022));
/** As TPM2_PolicySecret and TPM2_PolicySigned give it. Part 2, 10.7.5. */
export const TPMT_TK_AUTH = ticket('TPMT_TK_AUTH', closed('TPM_ST', u16, { authSecret: 0x8023, authSigned: 0x8025 }));
/** Part 2, 10.7.6. */
export const TPMT_TK_HASHCHECK = ticket('TPMT_TK_HASHCHECK', constant(u16, 0x8024));
/** "No ticket": what commands take where none is due. */
export const NO_HASHCHECK: Infer<typeof TPMT_TK_HASHCHECK> = {
  tag: 0x8024,
  hierarchy: TPM_RH.null,
  digest: new Uint8Array(0),
};

/** TPMS_CREATION_DATA. Part 2, 15.1. A primary's parent is its hierarchy, named by the handle. */
export const TPMS_CREATION_DATA = struct('TPMS_CREATION_DATA')
  .field('pcrSelect', TPML_PCR_SELECTION)
  .field('pcrDigest', TPM2B_DIGEST)
  .field('locality', TPMA_LOCALITY)
  .field('parentNameAlg', TPM_ALG_ID)
  .field('parentName', TPM2B_NAME)
  .field('parentQualifiedName', TPM2B_NAME)
  .field('outsideInfo', TPM2B_DATA);
/** Part 2, 15.2. */
export const TPM2B_CREATION_DATA = sized(u16, 512, TPMS_CREATION_DATA, 'TPM2B_CREATION_DATA');

/** TPM2B_SENSITIVE_CREATE. Part 2, 11.1.16. */
export const TPM2B_SENSITIVE_CREATE = sized(
  u16,
  512,
  struct('TPMS_SENSITIVE_CREATE').field('userAuth', TPM2B_AUTH).field('data', TPM2B_SENSITIVE_DATA),
  'TPM2B_SENSITIVE_CREATE',
);
/** No authValue, and a secret of the TPM's own making. Part 2, 11.1.16. */
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
/** Part 2, 13.6. */
export const TPM2B_NV_PUBLIC = sized(u16, 128, raw(TPMS_NV_PUBLIC), 'TPM2B_NV_PUBLIC');

/** TPMS_ID_OBJECT: the encrypted identity runs to the end, without a size of its own. Part 2, 12.4.2. */
export const TPMS_ID_OBJECT: Codec<{ readonly integrityHMAC: Uint8Array; readonly encIdentity: Uint8Array }> = struct(
  'TPMS_ID_OBJECT',
)
  .field('integrityHMAC', TPM2B_DIGEST)
  .field('encIdentity', rest(66));
/** Part 2, 12.4.3. */
export const TPM2B_ID_OBJECT = sized(u16, 132, raw(TPMS_ID_OBJECT), 'TPM2B_ID_OBJECT');

/** TPMT_SENSITIVE: the secret half of an object. Part 2, 12.3.2.4. `sensitive` of RSA is one prime, of ECC the scalar. */
export const TPMT_SENSITIVE = struct('TPMT_SENSITIVE')
  .field('sensitiveType', TPMI_ALG_PUBLIC)
  .field('authValue', TPM2B_AUTH)
  .field('seedValue', TPM2B_DIGEST)
  .field('sensitive', (seen) =>
    choose(seen.sensitiveType, {
      rsa: TPM2B_PRIVATE_KEY_RSA,
      ecc: TPM2B_ECC_PARAMETER,
      keyedhash: TPM2B_SENSITIVE_DATA,
      symcipher: TPM2B_SYM_KEY,
    }),
  );
export type TpmtSensitive = Infer<typeof TPMT_SENSITIVE>;
/** Part 2, 12.3.3. */
export const TPM2B_SENSITIVE = sized(u16, 512, TPMT_SENSITIVE, 'TPM2B_SENSITIVE');

/** TPMS_CONTEXT: an object or session put aside by TPM2_ContextSave. Part 2, 14.5. */
export const TPMS_CONTEXT = struct('TPMS_CONTEXT')
  .field('sequence', u64)
  .field('savedHandle', u32)
  .field('hierarchy', u32)
  .field('contextBlob', TPM2B_CONTEXT_DATA);
export type TpmsContext = Infer<typeof TPMS_CONTEXT>;
