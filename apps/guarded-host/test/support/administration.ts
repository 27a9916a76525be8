import { toBase64Url } from '@sekimori/bytes';
import type { Client } from '@sekimori/client';
import { attestationRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { activate, attest, type AttestDeps, enrol } from '../../src/index.ts';

/** What an administrator does at an attestation service. */
export interface Administration {
  trust(root: Uint8Array): Promise<void>;
  approve(id: string, ekFingerprint: string): Promise<void>;
  /** Takes the last boot of the host as a baseline. Gives the PCRs that it names. */
  captureBaseline(hostId: string, name: string): Promise<readonly number[]>;
}

export function administration(client: Client): Administration {
  return {
    async trust(root) {
      const body = { certificate: toBase64Url(root), vendor: 'test', insecureSoftwareTpm: true };
      expectOk(await client.call(attestationRoutes.addTpmRoot, { body }));
    },
    async approve(id, ekFingerprint) {
      expectOk(await client.call(attestationRoutes.approveHost, { params: { id }, body: { ekFingerprint } }));
    },
    async captureBaseline(hostId, name) {
      const { verdicts } = expectOk(await client.call(attestationRoutes.showHost, { params: { id: hostId } }));
      const body = { hostId, name, traceId: verdicts[0]?.traceId ?? 'none' };
      const { pcrs } = expectOk(await client.call(attestationRoutes.captureBaseline, { body }));
      return pcrs.map(({ index }) => index);
    },
  };
}

/**
 * As an operator takes in a host whose TPM's vendor is trusted: enrolled, approved, active, its boot the baseline. `first`: what came of
 * the attestation that the baseline is taken from, which is refused where no other boot is approved.
 */
export async function takeIn(
  administrator: Administration,
  deps: AttestDeps,
  { name, ...endorsement }: Parameters<typeof enrol>[1],
): Promise<{ readonly id: string; readonly first: Awaited<ReturnType<typeof attest>> }> {
  const { id, ekFingerprint } = expectOk(await enrol(deps, { name, ...endorsement }));
  await administrator.approve(id, ekFingerprint);
  expectOk(await activate(deps));
  const first = await attest(deps);
  await administrator.captureBaseline(id, name);
  return { id, first };
}
