import { parseCertificate } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { BACKOFF, backoffMillis, renewalDue, returnMillis } from '../../src/agent/schedule.ts';
import { attest } from '../../src/index.ts';
import { startHgs } from '../support/hgs.ts';
import { anActiveHost } from '../support/host.ts';

const HOUR = 3_600_000;

describe('after a failure', () => {
  it('waits for twice as long each time, up to five minutes', () => {
    const longest = Array.from({ length: 12 }, (_, at) => backoffMillis(at + 1, 1));
    expect(longest).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300].map((seconds) => seconds * 1000));
    expect(backoffMillis(1_000_000, 1)).toBe(BACKOFF.most);
  });
  it('spreads the wait over the whole of it, and never comes back at once', () => {
    for (const failures of [1, 5, 50]) expect(backoffMillis(failures, 0)).toBe(BACKOFF.least);
    expect(backoffMillis(20, 0.5)).toBe((BACKOFF.most + BACKOFF.least) / 2);
  });
  it('never comes back sooner than the service asked, nor is kept away for ever by it', () => {
    expect(backoffMillis(1, 0, 90)).toBe(91_000);
    expect(backoffMillis(1, 0, 86_400)).toBe(HOUR + BACKOFF.least);
  });
});

describe('a certificate is renewed', async () => {
  const health = expectOk(await attest((await anActiveHost(await startHgs())).deps));
  const issued = expectOk(parseCertificate(health.certificate)).notBefore.getTime();

  it('in the time that the service says, spread over the first quarter of what is left then', () => {
    const first = renewalDue(health, 0).getTime();
    expect(first - health.receivedAt.getTime()).toBe(health.renewAfter.getTime() - issued);
    const last = renewalDue(health, 1).getTime();
    expect(last - first).toBe(Math.floor((health.notAfter.getTime() - health.renewAfter.getTime()) / 4));
  });
  it('also where the clock of this host is days off', () => {
    for (const hours of [-100, 100]) {
      const receivedAt = new Date(health.receivedAt.getTime() + hours * HOUR);
      const off = renewalDue({ ...health, receivedAt }, 0).getTime() - receivedAt.getTime();
      expect(off).toBe(renewalDue(health, 0).getTime() - health.receivedAt.getTime());
    }
  });
  it('not at once again, whatever the service says', () => {
    const at = new Date(0);
    expect(renewalDue({ ...health, renewAfter: at, notAfter: at, receivedAt: at }, 0).getTime()).toBe(1000);
  });
});

it('looks for the first service in five minutes at most', () => {
  expect([returnMillis(0), returnMillis(1)]).toEqual([150_000, 300_000]);
});
