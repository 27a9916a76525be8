import { closed, i32, struct, u8, u16, u32 } from '@sekimori/codec';
import { TPMI_ALG_HASH } from '../structures/algorithms.ts';
import { TPMI_YES_NO } from '../structures/attest.ts';
import { TPMA_LOCALITY } from '../structures/attributes.ts';
import {
  TPM2B_DIGEST,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_NAME,
  TPM2B_NONCE,
  TPM2B_OPERAND,
  TPM2B_TIMEOUT,
  TPML_DIGEST,
} from '../structures/buffers.ts';
import { TPMT_TK_AUTH, TPMT_TK_VERIFIED } from '../structures/objects.ts';
import { TPML_PCR_SELECTION } from '../structures/pcr-selection.ts';
import { TPMT_SYM_DEF } from '../structures/schemes.ts';
import { TPMT_SIGNATURE } from '../structures/signature.ts';
import { command } from './layout.ts';

/** TPM_SE: kinds of sessions. Part 2, 6.11. */
export const TPM_SE = closed('TPM_SE', u8, { hmac: 0, policy: 1, trial: 3 });

/** TPM_EO: how TPM2_PolicyNV compares. Part 2, 6.17. */
export const TPM_EO = closed('TPM_EO', u16, {
  eq: 0,
  neq: 1,
  signedGt: 2,
  unsignedGt: 3,
  signedLt: 4,
  unsignedLt: 5,
  signedGe: 6,
  unsignedGe: 7,
  signedLe: 8,
  unsignedLe: 9,
  bitSet: 10,
  bitClear: 11,
});

/** Of TPM2_PolicySecret and TPM2_PolicySigned. */
const AUTHORIZED = struct('authorization').field('timeout', TPM2B_TIMEOUT).field('policyTicket', TPMT_TK_AUTH);

/** Sessions and their policies. Part 3, 11 and 23. */
export const POLICY = {
  StartAuthSession: command(0x176, {
    handles: ['tpmKey', 'bind'],
    request: struct('StartAuthSession')
      .field('nonceCaller', TPM2B_NONCE)
      .field('encryptedSalt', TPM2B_ENCRYPTED_SECRET)
      .field('sessionType', TPM_SE)
      .field('symmetric', TPMT_SYM_DEF)
      .field('authHash', TPMI_ALG_HASH),
    returnsHandle: true,
    response: struct('StartAuthSession response').field('nonceTPM', TPM2B_NONCE),
  }),
  PolicyRestart: command(0x180, { handles: ['sessionHandle'] }),
  PolicyGetDigest: command(0x189, {
    handles: ['policySession'],
    response: struct('PolicyGetDigest response').field('policyDigest', TPM2B_DIGEST),
  }),
  PolicySigned: command(0x160, {
    handles: ['authObject', 'policySession'],
    request: struct('PolicySigned')
      .field('nonceTPM', TPM2B_NONCE)
      .field('cpHashA', TPM2B_DIGEST)
      .field('policyRef', TPM2B_NONCE)
      .field('expiration', i32)
      .field('auth', TPMT_SIGNATURE),
    response: AUTHORIZED,
  }),
  PolicySecret: command(0x151, {
    handles: ['authHandle', 'policySession'],
    authorized: 1,
    request: struct('PolicySecret')
      .field('nonceTPM', TPM2B_NONCE)
      .field('cpHashA', TPM2B_DIGEST)
      .field('policyRef', TPM2B_NONCE)
      .field('expiration', i32),
    response: AUTHORIZED,
  }),
  PolicyAuthorize: command(0x16a, {
    handles: ['policySession'],
    request: struct('PolicyAuthorize')
      .field('approvedPolicy', TPM2B_DIGEST)
      .field('policyRef', TPM2B_NONCE)
      .field('keySign', TPM2B_NAME)
      .field('checkTicket', TPMT_TK_VERIFIED),
  }),
  PolicyAuthValue: command(0x16b, { handles: ['policySession'] }),
  PolicyPassword: command(0x18c, { handles: ['policySession'] }),
  PolicyCommandCode: command(0x16c, {
    handles: ['policySession'],
    request: struct('PolicyCommandCode').field('code', u32),
  }),
  PolicyCpHash: command(0x16e, {
    handles: ['policySession'],
    request: struct('PolicyCpHash').field('cpHashA', TPM2B_DIGEST),
  }),
  PolicyLocality: command(0x16f, {
    handles: ['policySession'],
    request: struct('PolicyLocality').field('locality', TPMA_LOCALITY),
  }),
  PolicyNV: command(0x149, {
    handles: ['authHandle', 'nvIndex', 'policySession'],
    authorized: 1,
    request: struct('PolicyNV').field('operandB', TPM2B_OPERAND).field('offset', u16).field('operation', TPM_EO),
  }),
  PolicyAuthorizeNV: command(0x192, { handles: ['authHandle', 'nvIndex', 'policySession'], authorized: 1 }),
  PolicyNvWritten: command(0x18f, {
    handles: ['policySession'],
    request: struct('PolicyNvWritten').field('writtenSet', TPMI_YES_NO),
  }),
  PolicyDuplicationSelect: command(0x188, {
    handles: ['policySession'],
    request: struct('PolicyDuplicationSelect')
      .field('objectName', TPM2B_NAME)
      .field('newParentName', TPM2B_NAME)
      .field('includeObject', TPMI_YES_NO),
  }),
  PolicyOR: command(0x171, {
    handles: ['policySession'],
    request: struct('PolicyOR').field('pHashList', TPML_DIGEST),
  }),
  PolicyPCR: command(0x17f, {
    handles: ['policySession'],
    request: struct('PolicyPCR').field('pcrDigest', TPM2B_DIGEST).field('pcrs', TPML_PCR_SELECTION),
  }),
} as const;
