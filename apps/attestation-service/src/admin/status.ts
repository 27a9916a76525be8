import { toHex } from '@sekimori/bytes';
import { policyDigest } from '@sekimori/policy';
import type { AttestationStatus } from '@sekimori/protocol';
import type { HostState } from '@sekimori/store';
import type { AttestationDeps } from '../deps.ts';
import { policyInForce } from '../attest/reference.ts';

const STATES = ['pending', 'approved', 'active', 'revoked'] as const satisfies readonly HostState[];

export const attestationStatus = (deps: AttestationDeps, startedAt: Date) => async (): Promise<AttestationStatus> => {
  const { store, settings, signer, crypto, clock } = deps;
  const counts = await store.countHosts();
  const policy = await policyInForce(deps);
  const roots = await store.tpmRoots();
  return {
    service: 'attestation',
    serviceId: settings.serviceId,
    version: settings.version,
    startedAt: startedAt.toISOString(),
    hosts: Object.fromEntries(STATES.map((state) => [state, counts[state]])),
    activeBaselines: policy.baselines.length,
    policyVersion: policy.policy.version,
    policyDigest: policyDigest(crypto, policy.policy),
    signer: {
      fingerprint: toHex(crypto.hash('sha256', signer.certificate.der)),
      notAfter: signer.certificate.notAfter.toISOString(),
    },
    revocationNumber: (await store.revocations(clock.now())).number,
    audit: await store.auditHead(),
    insecure: [
      ...settings.insecure,
      ...(policy.policy.secureBoot === 'required' ? [] : ['Secure Boot is not required']),
      ...roots.filter(({ insecure }) => insecure).map(({ vendor }) => `TPM root of a software TPM: ${vendor}`),
    ],
  };
};
