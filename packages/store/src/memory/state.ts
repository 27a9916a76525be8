import { type JsonValue, canonicalJson } from '@sekimori/audit-log';
import type { NewActivation } from '../activations.ts';
import { CLOCK_GRACE_MILLIS, type Denial, type IssuedCertificate, type VerdictRecord } from '../attestations.ts';
import type { HostRecord } from '../hosts.ts';
import { denial } from '../transitions.ts';
import type { BaselineRecord, TpmRoot } from '../policy.ts';

interface CertificateRow extends IssuedCertificate {
  readonly hostId: string;
  revoked: boolean;
}

export interface State {
  readonly hosts: Map<string, HostRecord>;
  /** In the order of opening. */
  readonly activations: Map<string, NewActivation>;
  /** Hash of a used challenge -> when it expires. */
  readonly challenges: Map<string, Date>;
  readonly logs: Map<string, Uint8Array>;
  readonly verdicts: VerdictRecord[];
  readonly certificates: Map<string, CertificateRow>;
  /** By host. */
  readonly denials: Map<string, Denial>;
  readonly baselines: Map<string, BaselineRecord>;
  readonly tpmRoots: Map<string, TpmRoot>;
  policyVersion: number;
  settings: JsonValue | null;
  revocationNumber: number;
  denyIssuedBefore: Date | null;
}

export function emptyState(): State {
  return {
    hosts: new Map(),
    activations: new Map(),
    challenges: new Map(),
    logs: new Map(),
    verdicts: [],
    certificates: new Map(),
    denials: new Map(),
    baselines: new Map(),
    tpmRoots: new Map(),
    policyVersion: 0,
    settings: null,
    revocationNumber: 0,
    denyIssuedBefore: null,
  };
}

/** With grace: a node whose clock is behind may still take it for living. */
export function lives(end: Date, at: Date): boolean {
  return end.getTime() + CLOCK_GRACE_MILLIS > at.getTime();
}

/** Revokes what of the host still lives; gives the serials. */
export function revokeCertificates(state: State, hostId: string, at: Date): string[] {
  const outstanding = [...state.certificates.values()].filter(
    (certificate) => certificate.hostId === hostId && !certificate.revoked && lives(certificate.notAfter, at),
  );
  for (const certificate of outstanding) certificate.revoked = true;
  if (outstanding.length > 0) state.denials.set(hostId, denial(at, outstanding, state.denials.get(hostId)));
  return outstanding.map((certificate) => certificate.serial).toSorted();
}

/** As a database keeps it. Throws for what is not canonical JSON, so before anything is changed. */
export function kept(value: JsonValue): JsonValue {
  return JSON.parse(canonicalJson(value)) as JsonValue;
}

/** In the order of the database: by code points. */
export function byText<T>(text: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0);
}
