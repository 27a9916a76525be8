import { raw, struct, u16 } from '@sekimori/codec';
import { TPM2B_ATTEST, TPM2B_DATA, TPM2B_DIGEST } from '../structures/buffers.ts';
import { TPMT_TK_CREATION } from '../structures/objects.ts';
import { TPML_PCR_SELECTION } from '../structures/pcr-selection.ts';
import { TPMT_SIG_SCHEME } from '../structures/schemes.ts';
import { TPMT_SIGNATURE } from '../structures/signature.ts';
import { command } from './layout.ts';

/** Part 3 calls `attest` quoted, certifyInfo or timeInfo; its layout is the same. */
const ATTESTED = struct('attestation').field('attest', TPM2B_ATTEST).field('signature', raw(TPMT_SIGNATURE));

/** Part 3, 18 and 31.16. */
export const ATTESTATION = {
  Quote: command(0x158, {
    handles: ['signHandle'],
    authorized: 1,
    request: struct('Quote')
      .field('qualifyingData', TPM2B_DATA)
      .field('inScheme', TPMT_SIG_SCHEME)
      .field('PCRselect', TPML_PCR_SELECTION),
    response: ATTESTED,
  }),
  Certify: command(0x148, {
    handles: ['objectHandle', 'signHandle'],
    authorized: 2,
    request: struct('Certify').field('qualifyingData', TPM2B_DATA).field('inScheme', TPMT_SIG_SCHEME),
    response: ATTESTED,
  }),
  CertifyCreation: command(0x14a, {
    handles: ['signHandle', 'objectHandle'],
    authorized: 1,
    request: struct('CertifyCreation')
      .field('qualifyingData', TPM2B_DATA)
      .field('creationHash', TPM2B_DIGEST)
      .field('inScheme', TPMT_SIG_SCHEME)
      .field('creationTicket', TPMT_TK_CREATION),
    response: ATTESTED,
  }),
  GetTime: command(0x14c, {
    handles: ['privacyAdminHandle', 'signHandle'],
    authorized: 2,
    request: struct('GetTime').field('qualifyingData', TPM2B_DATA).field('inScheme', TPMT_SIG_SCHEME),
    response: ATTESTED,
  }),
  NV_Certify: command(0x184, {
    handles: ['signHandle', 'authHandle', 'nvIndex'],
    authorized: 2,
    request: struct('NV_Certify')
      .field('qualifyingData', TPM2B_DATA)
      .field('inScheme', TPMT_SIG_SCHEME)
      .field('size', u16)
      .field('offset', u16),
    response: ATTESTED,
  }),
} as const;
