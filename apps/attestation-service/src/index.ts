export { AttestationConfig } from './config.ts';
export { type RunningAttestation, startAttestationService } from './start.ts';
