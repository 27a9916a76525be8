import { parseCertificate } from '@sekimori/pki';
import type { HealthCertificate } from '../state/state.ts';

// When an agent attests next. Times are milliseconds; `random` is in [0, 1).

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** The shortest and the longest wait after a failure. */
export const BACKOFF = { least: SECOND, most: 5 * MINUTE } as const;
/** What a service may ask for with Retry-After. */
const MOST_ASKED_FOR = 60 * MINUTE;

/**
 * How long to wait after so many failures in a row (from 1 on): exponential with full jitter, so that hosts which lost their
 * service at the same moment do not come back at the same moment. Never less than the service asked for.
 */
export function backoffMillis(failures: number, random: number, retryAfterSeconds = 0): number {
  const ceiling = Math.min(BACKOFF.most, BACKOFF.least * 2 ** Math.min(failures, 30));
  const asked = Math.min(retryAfterSeconds * SECOND, MOST_ASKED_FOR);
  return asked + BACKOFF.least + random * (ceiling - BACKOFF.least);
}

/** Which share of what is left after `renewAfter` renewals are spread over. */
const SPREAD = 1 / 4;

/**
 * When a certificate is to be renewed, by the clock of this host: as long after it was received as the service says after it was
 * issued, and somewhat later, so that hosts which started at the same moment do not renew at the same moment.
 */
export function renewalDue(health: HealthCertificate, random: number): Date {
  const certificate = parseCertificate(health.certificate);
  const issued = certificate.ok ? certificate.value.notBefore.getTime() : health.receivedAt.getTime();
  const wait = health.renewAfter.getTime() - issued;
  const left = health.notAfter.getTime() - health.renewAfter.getTime();
  return new Date(health.receivedAt.getTime() + Math.max(SECOND, wait + random * SPREAD * left));
}

/** How often an agent that uses another attestation service than the first looks whether that is back. */
export function returnMillis(random: number): number {
  return (0.5 + random / 2) * 5 * MINUTE;
}
