import type { AuditDraft } from '@sekimori/audit-log';
import { u32be, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import type { AttestationStore } from '../attestation-store.ts';
import type { Attestation, IssuedCertificate } from '../attestations.ts';
import type { Completion, NewActivation } from '../activations.ts';
import type { HostRecord, NewHost } from '../hosts.ts';

export const START = new Date('2026-02-03T04:05:06.789Z');
export const later = (millis: number): Date => new Date(START.getTime() + millis);
export const hex = (n: number): string => n.toString(16).padStart(64, '0');
export const uuid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

export function aDraft(kind: string, subject = 'host:any'): AuditDraft {
  return { at: START, kind, actor: 'test:contract', subject, body: {} };
}

/** Host `n` has the endorsement keys 2n and 2n+1. */
export function aHost(n: number, more: Partial<NewHost> = {}): NewHost {
  return {
    id: uuid(n),
    name: `node${n}`,
    endorsementKeys: [aKey(2 * n), aKey(2 * n + 1)],
    properties: { vendor: 'SW  ', version: 2, nested: [null, true] },
    enrolledAt: START,
    ...more,
  };
}

export function aKey(n: number): NewHost['endorsementKeys'][0] {
  return { public: utf8(`public ${n}`), certificate: utf8(`certificate ${n}`), spkiHash: hex(0x1000 + n) };
}

export const keyOf = (n: number) => ({ public: u32be(n), name: Uint8Array.of(0, 11, ...u32be(n)) });

export function anActivation(n: number, more: Partial<NewActivation> = {}): NewActivation {
  const activation = { activationId: uuid(0xa00 + n), hostId: uuid(n), attestationKey: keyOf(n) };
  return { ...activation, proofHash: hex(n), expiresAt: later(60_000), ...more };
}

export function aCompletion(n: number, more: Partial<Completion> = {}): Completion {
  return {
    activationId: uuid(0xa00 + n),
    proofHash: hex(n),
    at: later(1000),
    audit: { completed: aDraft('host.activated'), failed: aDraft('host.activation-failed') },
    ...more,
  };
}

export function aCertificate(n: number, more: Partial<IssuedCertificate> = {}): IssuedCertificate {
  return {
    serial: n.toString(16).padStart(32, '0'),
    evidenceTime: later(1000),
    notAfter: later(8 * 3_600_000),
    der: u32be(n),
    ...more,
  };
}

/** The `n`th attestation of host `host`: a challenge, a certificate and a clock of its own. */
export function anAttestation(n: number, host: number, more: Partial<Attestation> = {}): Attestation {
  return {
    challengeHash: hex(0xc0000 + n),
    challengeExpiresAt: later(120_000),
    hostId: uuid(host),
    attestationKeyName: keyOf(host).name,
    at: later(2000),
    outcome: { kind: 'good', certificate: aCertificate(n) },
    verdict: { findings: [] },
    pcrs: [{ index: 0, value: hex(7) }],
    counters: { resetCount: 3, restartCount: 0, clock: BigInt(n), firmwareVersion: 0x2019102300163636n },
    log: utf8('boot log'),
    audit: [aDraft('attestation.recorded')],
    ...more,
  };
}

export async function enrolled(store: AttestationStore, n: number): Promise<HostRecord> {
  return expectOk(await store.enrolHost({ host: aHost(n), maxPending: 100 }));
}

export async function approved(store: AttestationStore, n: number): Promise<HostRecord> {
  const { id, ekFingerprint } = await enrolled(store, n);
  const audit = aDraft('host.approved');
  return expectOk(await store.approveHost({ id, ekFingerprint, by: 'alice', at: later(500), audit }));
}

export async function revoked(store: AttestationStore, n: number): Promise<HostRecord> {
  const audit = aDraft('host.revoked');
  return expectOk(await store.revokeHost({ id: uuid(n), by: 'bob', reason: 'stolen', at: later(3000), audit }));
}

export async function active(store: AttestationStore, n: number): Promise<HostRecord> {
  await approved(store, n);
  return activated(store, n);
}

export async function activated(store: AttestationStore, n: number): Promise<HostRecord> {
  expectOk(await store.openActivation(anActivation(n)));
  return expectOk(await store.completeActivation(aCompletion(n)));
}

export const faultOf = (code: string) => ({ ok: false, fault: { code } });
