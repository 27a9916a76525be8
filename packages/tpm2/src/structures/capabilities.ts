import { bytes, closed, type Codec, type Infer, list, open, struct, u32 } from '@sekimori/codec';
import { HASHES } from '@sekimori/crypto-core';
import { algorithms, TPM_ALG_ID, TPM_ECC_CURVE } from './algorithms.ts';
import { TPMA_ALGORITHM, TPMA_CC } from './attributes.ts';
import { TPML_PCR_BANKS, TPMS_PCR_SELECT } from './pcr-selection.ts';
import { union } from './union.ts';

/** TPM_CAP, what TPM2_GetCapability is asked for. Part 2, 6.12. */
export const TPM_CAP = closed('TPM_CAP', u32, {
  algorithms: 0,
  handles: 1,
  commands: 2,
  ppCommands: 3,
  auditCommands: 4,
  pcrs: 5,
  tpmProperties: 6,
  pcrProperties: 7,
  eccCurves: 8,
  authPolicies: 9,
  act: 10,
});

/** TPM_PT: properties of a TPM by name, fixed ones from 0x100 and changing ones from 0x200. Part 2, 6.13. */
export const TPM_PT = open('TPM_PT', u32, {
  familyIndicator: 0x100,
  level: 0x101,
  revision: 0x102,
  dayOfYear: 0x103,
  year: 0x104,
  manufacturer: 0x105,
  vendorString1: 0x106,
  vendorString2: 0x107,
  vendorString3: 0x108,
  vendorString4: 0x109,
  vendorTpmType: 0x10a,
  firmwareVersion1: 0x10b,
  firmwareVersion2: 0x10c,
  inputBuffer: 0x10d,
  transientMin: 0x10e,
  persistentMin: 0x10f,
  loadedMin: 0x110,
  activeSessionsMax: 0x111,
  pcrCount: 0x112,
  pcrSelectMin: 0x113,
  contextGapMax: 0x114,
  nvCountersMax: 0x116,
  nvIndexMax: 0x117,
  memory: 0x118,
  clockUpdate: 0x119,
  orderlyCount: 0x11d,
  maxCommandSize: 0x11e,
  maxResponseSize: 0x11f,
  maxDigest: 0x120,
  totalCommands: 0x129,
  nvBufferMax: 0x12c,
  modes: 0x12d,
  maxCapBuffer: 0x12e,
  permanent: 0x200,
  startupClear: 0x201,
  nvIndices: 0x202,
  loaded: 0x203,
  loadedAvailable: 0x204,
  active: 0x205,
  activeAvailable: 0x206,
  transientAvailable: 0x207,
  persistent: 0x208,
  persistentAvailable: 0x209,
  nvCounters: 0x20a,
  lockoutCounter: 0x20e,
  maxAuthFail: 0x20f,
  lockoutInterval: 0x210,
  lockoutRecovery: 0x211,
});
export type TpmProperty = keyof typeof TPM_PT.numbers;

// Lists are as long as a response of 4096 bytes can hold.

/** TPML_ALG_PROPERTY. Part 2, 10.9.8. */
export const TPML_ALG_PROPERTY = list(
  u32,
  169,
  struct('TPMS_ALG_PROPERTY').field('alg', TPM_ALG_ID).field('algProperties', TPMA_ALGORITHM),
);
/** TPML_HANDLE. Part 2, 10.9.4. */
export const TPML_HANDLE = list(u32, 254, u32);
/** TPML_CCA: commands with their attributes. Part 2, 10.9.2. */
export const TPML_CCA = list(u32, 256, TPMA_CC);
/** TPML_CC: commands by TPM_CC. Part 2, 10.9.1. */
export const TPML_CC = list(u32, 256, u32);
/** TPML_TAGGED_TPM_PROPERTY. Part 2, 10.9.9. */
export const TPML_TAGGED_TPM_PROPERTY = list(
  u32,
  127,
  struct('TPMS_TAGGED_PROPERTY').field('property', u32).field('value', u32),
);
/** TPML_TAGGED_PCR_PROPERTY: which PCRs have a property, by TPM_PT_PCR. Part 2, 10.9.10. */
export const TPML_TAGGED_PCR_PROPERTY = list(
  u32,
  127,
  struct('TPMS_TAGGED_PCR_SELECT').field('tag', u32).field('pcrs', TPMS_PCR_SELECT),
);
/** TPML_ECC_CURVE. Part 2, 10.9.11. */
export const TPML_ECC_CURVE = list(u32, 508, TPM_ECC_CURVE);
/** TPMT_HA+: a hierarchy without a policy has the null algorithm and no digest. Part 2, 10.3.2 and 10.8.4. */
const POLICY_HASH = struct('TPMT_HA')
  .field('hashAlg', algorithms('TPMI_ALG_HASH+', ['null', 'sha1', 'sha256', 'sha384', 'sha512']))
  .field('digest', (seen): Codec<Uint8Array> => bytes(seen.hashAlg === 'null' ? 0 : HASHES[seen.hashAlg]));
/** TPML_TAGGED_POLICY: policies of hierarchies. Part 2, 10.9.12. */
export const TPML_TAGGED_POLICY = list(
  u32,
  29,
  struct('TPMS_TAGGED_POLICY').field('handle', u32).field('policyHash', POLICY_HASH),
);
/** TPML_ACT_DATA: authenticated countdown timers. Part 2, 10.9.13. */
export const TPML_ACT_DATA = list(
  u32,
  84,
  struct('TPMS_ACT_DATA').field('handle', u32).field('timeout', u32).field('attributes', u32),
);

/** TPMS_CAPABILITY_DATA. Part 2, 10.10.2. */
export const TPMS_CAPABILITY_DATA = union('TPMS_CAPABILITY_DATA', 'capability', TPM_CAP, {
  algorithms: struct('TPML_ALG_PROPERTY').field('algorithms', TPML_ALG_PROPERTY),
  handles: struct('TPML_HANDLE').field('handles', TPML_HANDLE),
  commands: struct('TPML_CCA').field('commandAttributes', TPML_CCA),
  ppCommands: struct('TPML_CC').field('commands', TPML_CC),
  auditCommands: struct('TPML_CC').field('commands', TPML_CC),
  pcrs: struct('TPML_PCR_SELECTION').field('banks', TPML_PCR_BANKS),
  tpmProperties: struct('TPML_TAGGED_TPM_PROPERTY').field('properties', TPML_TAGGED_TPM_PROPERTY),
  pcrProperties: struct('TPML_TAGGED_PCR_PROPERTY').field('pcrProperties', TPML_TAGGED_PCR_PROPERTY),
  eccCurves: struct('TPML_ECC_CURVE').field('eccCurves', TPML_ECC_CURVE),
  authPolicies: struct('TPML_TAGGED_POLICY').field('policies', TPML_TAGGED_POLICY),
  act: struct('TPML_ACT_DATA').field('actData', TPML_ACT_DATA),
});
export type TpmsCapabilityData = Infer<typeof TPMS_CAPABILITY_DATA>;
