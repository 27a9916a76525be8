import { choose, closed, constant, type Infer, mapped, struct, u8, u16, u32, u64 } from '@sekimori/codec';
import { TPM_ALG_ID } from './algorithms.ts';
import { TPM2B_DATA, TPM2B_DIGEST, TPM2B_MAX_NV_BUFFER, TPM2B_NAME } from './buffers.ts';
import { TPML_PCR_SELECTION } from './pcr-selection.ts';

/** A boolean of one byte: 0 or 1 and nothing else. Part 2, 9.2. */
export const TPMI_YES_NO = mapped(
  u8,
  'must be 0 or 1',
  (byte) => (byte === 0 ? false : byte === 1 ? true : undefined),
  (yes: boolean) => (yes ? 1 : 0),
);

/** TPM_ST values of attestation structures. Part 2, 6.9 and 10.12.10. */
export const TPMI_ST_ATTEST = closed('TPMI_ST_ATTEST', u16, {
  nv: 0x8014,
  commandAudit: 0x8015,
  sessionAudit: 0x8016,
  certify: 0x8017,
  quote: 0x8018,
  time: 0x8019,
  creation: 0x801a,
  nvDigest: 0x801c,
});

/** TPMS_CLOCK_INFO. Part 2, 10.11.1. `clock` counts milliseconds while the TPM has power. */
export const TPMS_CLOCK_INFO = struct('TPMS_CLOCK_INFO')
  .field('clock', u64)
  .field('resetCount', u32)
  .field('restartCount', u32)
  .field('safe', TPMI_YES_NO);
export type TpmsClockInfo = Infer<typeof TPMS_CLOCK_INFO>;

/** Part 2, 10.12.4. `pcrDigest` is made with the hash of the signing scheme, not of the bank. */
export const TPMS_QUOTE_INFO = struct('TPMS_QUOTE_INFO')
  .field('pcrSelect', TPML_PCR_SELECTION)
  .field('pcrDigest', TPM2B_DIGEST);

/** Part 2, 10.12.3. */
export const TPMS_CERTIFY_INFO = struct('TPMS_CERTIFY_INFO')
  .field('name', TPM2B_NAME)
  .field('qualifiedName', TPM2B_NAME);

/** TPMS_TIME_INFO. Part 2, 10.11.6. `time` counts milliseconds since the last _TPM_Init. */
export const TPMS_TIME_INFO = struct('TPMS_TIME_INFO').field('time', u64).field('clockInfo', TPMS_CLOCK_INFO);
export type TpmsTimeInfo = Infer<typeof TPMS_TIME_INFO>;

const TPMS_TIME_ATTEST_INFO = struct('TPMS_TIME_ATTEST_INFO')
  .field('time', TPMS_TIME_INFO)
  .field('firmwareVersion', u64);
const TPMS_CREATION_INFO = struct('TPMS_CREATION_INFO')
  .field('objectName', TPM2B_NAME)
  .field('creationHash', TPM2B_DIGEST);
const TPMS_NV_CERTIFY_INFO = struct('TPMS_NV_CERTIFY_INFO')
  .field('indexName', TPM2B_NAME)
  .field('offset', u16)
  .field('nvContents', TPM2B_MAX_NV_BUFFER);
const TPMS_NV_DIGEST_CERTIFY_INFO = struct('TPMS_NV_DIGEST_CERTIFY_INFO')
  .field('indexName', TPM2B_NAME)
  .field('nvDigest', TPM2B_DIGEST);
const TPMS_COMMAND_AUDIT_INFO = struct('TPMS_COMMAND_AUDIT_INFO')
  .field('auditCounter', u64)
  .field('digestAlg', TPM_ALG_ID)
  .field('auditDigest', TPM2B_DIGEST)
  .field('commandDigest', TPM2B_DIGEST);
const TPMS_SESSION_AUDIT_INFO = struct('TPMS_SESSION_AUDIT_INFO')
  .field('exclusiveSession', TPMI_YES_NO)
  .field('sessionDigest', TPM2B_DIGEST);

/** TPM_GENERATED_VALUE, 0xff 'TCG': a restricted key signs nothing from outside that begins so. Part 2, 6.2. */
export const TPM_GENERATED_VALUE = 0xff544347;

/** TPMS_ATTEST. Part 2, 10.12.12. `magic` is a constant, so nobody can forget to check it. */
export const TPMS_ATTEST = struct('TPMS_ATTEST')
  .field('magic', constant(u32, TPM_GENERATED_VALUE))
  .field('type', TPMI_ST_ATTEST)
  .field('qualifiedSigner', TPM2B_NAME)
  .field('extraData', TPM2B_DATA)
  .field('clockInfo', TPMS_CLOCK_INFO)
  .field('firmwareVersion', u64)
  .field('attested', (seen) =>
    choose(seen.type, {
      quote: TPMS_QUOTE_INFO,
      certify: TPMS_CERTIFY_INFO,
      creation: TPMS_CREATION_INFO,
      time: TPMS_TIME_ATTEST_INFO,
      nv: TPMS_NV_CERTIFY_INFO,
      nvDigest: TPMS_NV_DIGEST_CERTIFY_INFO,
      commandAudit: TPMS_COMMAND_AUDIT_INFO,
      sessionAudit: TPMS_SESSION_AUDIT_INFO,
    }),
  );
export type TpmsAttest = Infer<typeof TPMS_ATTEST>;
