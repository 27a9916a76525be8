import { closed, struct, u16, u32 } from '@sekimori/codec';
import { TPMI_ALG_HASH } from '../structures/algorithms.ts';
import { TPMI_YES_NO, TPMS_TIME_INFO } from '../structures/attest.ts';
import {
  TPM2B_AUTH,
  TPM2B_DIGEST,
  TPM2B_EVENT,
  TPM2B_MAX_BUFFER,
  TPM2B_SENSITIVE_DATA,
  TPML_DIGEST,
  TPML_DIGEST_VALUES,
} from '../structures/buffers.ts';
import { TPM_CAP, TPMS_CAPABILITY_DATA } from '../structures/capabilities.ts';
import { TPMT_TK_HASHCHECK } from '../structures/objects.ts';
import { TPML_PCR_SELECTION } from '../structures/pcr-selection.ts';
import { command } from './layout.ts';

/** TPM_SU: what TPM2_Startup and TPM2_Shutdown keep. Part 2, 6.10. */
export const TPM_SU = closed('TPM_SU', u16, { clear: 0, state: 1 });

/** Start, tests, capabilities, random bytes, clock, PCRs, hierarchies. Part 3, 9, 10, 16, 22, 24, 25, 29, 30. */
export const SYSTEM = {
  Startup: command(0x144, { request: struct('Startup').field('startupType', TPM_SU) }),
  Shutdown: command(0x145, { request: struct('Shutdown').field('shutdownType', TPM_SU) }),
  SelfTest: command(0x143, { request: struct('SelfTest').field('fullTest', TPMI_YES_NO) }),
  GetTestResult: command(0x17c, {
    response: struct('GetTestResult response').field('outData', TPM2B_MAX_BUFFER).field('testResult', u32),
  }),
  GetCapability: command(0x17a, {
    request: struct('GetCapability').field('capability', TPM_CAP).field('property', u32).field('propertyCount', u32),
    response: struct('GetCapability response')
      .field('moreData', TPMI_YES_NO)
      .field('capabilityData', TPMS_CAPABILITY_DATA),
  }),
  GetRandom: command(0x17b, {
    request: struct('GetRandom').field('bytesRequested', u16),
    response: struct('GetRandom response').field('randomBytes', TPM2B_DIGEST),
  }),
  StirRandom: command(0x146, { request: struct('StirRandom').field('inData', TPM2B_SENSITIVE_DATA) }),
  ReadClock: command(0x181, {
    response: struct('ReadClock response').field('currentTime', TPMS_TIME_INFO),
  }),
  Hash: command(0x17d, {
    request: struct('Hash').field('data', TPM2B_MAX_BUFFER).field('hashAlg', TPMI_ALG_HASH).field('hierarchy', u32),
    response: struct('Hash response').field('outHash', TPM2B_DIGEST).field('validation', TPMT_TK_HASHCHECK),
  }),
  PCR_Read: command(0x17e, {
    request: struct('PCR_Read').field('pcrSelectionIn', TPML_PCR_SELECTION),
    response: struct('PCR_Read response')
      .field('pcrUpdateCounter', u32)
      .field('pcrSelectionOut', TPML_PCR_SELECTION)
      .field('pcrValues', TPML_DIGEST),
  }),
  PCR_Extend: command(0x182, {
    handles: ['pcrHandle'],
    authorized: 1,
    request: struct('PCR_Extend').field('digests', TPML_DIGEST_VALUES),
  }),
  PCR_Event: command(0x13c, {
    handles: ['pcrHandle'],
    authorized: 1,
    request: struct('PCR_Event').field('eventData', TPM2B_EVENT),
    response: struct('PCR_Event response').field('digests', TPML_DIGEST_VALUES),
  }),
  PCR_Reset: command(0x13d, { handles: ['pcrHandle'], authorized: 1 }),
  HierarchyChangeAuth: command(0x129, {
    handles: ['authHandle'],
    authorized: 1,
    request: struct('HierarchyChangeAuth').field('newAuth', TPM2B_AUTH),
  }),
  Clear: command(0x126, { handles: ['authHandle'], authorized: 1 }),
  DictionaryAttackLockReset: command(0x139, { handles: ['lockHandle'], authorized: 1 }),
} as const;
