import { NONE, PASSWORD } from '../tpms.ts';
import { type RefusalCase, NULL, refused, owner } from './bench.ts';

export const OTHERS: readonly RefusalCase[] = [
  refused('extending a DRTM register', 'TPM_RC_LOCALITY', (tpm) =>
    tpm.outcome('PCR_Extend', { handles: [17], request: { digests: [] }, authorizations: [PASSWORD] }),
  ),
  refused('resetting a static register', 'TPM_RC_LOCALITY', (tpm) =>
    tpm.outcome('PCR_Reset', { handles: [0], request: {}, authorizations: [PASSWORD] }),
  ),
  refused('resetting the debug register', 'TPM_RC_SUCCESS', (tpm) =>
    tpm.outcome('PCR_Reset', { handles: [16], request: {}, authorizations: [PASSWORD] }),
  ),
  refused('a PCR that there is not', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('PCR_Extend', { handles: [24], request: { digests: [] }, authorizations: [PASSWORD] }),
  ),
  refused('the authorization of the NULL hierarchy changed', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('HierarchyChangeAuth', { handles: [NULL], request: { newAuth: NONE }, authorizations: [PASSWORD] }),
  ),
  refused('extending no PCR', 'TPM_RC_SUCCESS', (tpm) =>
    tpm.outcome('PCR_Extend', { handles: [NULL], request: { digests: [] }, authorizations: [PASSWORD] }),
  ),
  refused('hashing more than the buffer holds', 'TPM_RC_SIZE parameter 1', (tpm) =>
    tpm.outcome('Hash', { request: { data: new Uint8Array(1025), hashAlg: 'sha256', hierarchy: owner } }),
  ),
  refused('starting twice', 'TPM_RC_INITIALIZE', (tpm) =>
    tpm.outcome('Startup', { request: { startupType: 'clear' } }),
  ),
];
