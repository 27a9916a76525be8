// Without the server: for whoever runs a use case in process, such as the benchmark.
export { attest } from './attest/attest.ts';
export { ensurePolicy } from './attest/reference.ts';
export { captureBaseline } from './admin/baselines.ts';
export { openChallenge } from './challenge/open-challenge.ts';
export type { AttestationDeps, AttestationSettings, AttestationSigner } from './deps.ts';
export { revocationStatement } from './revocations.ts';
