import type { AuditEntry } from '@sekimori/audit-log';
import { createTlsClient } from '@sekimori/testkit';
import { utf8 } from '@sekimori/bytes';
import { type KeyProtectionStore, memoryKeyProtectionStore } from '@sekimori/store';
import { describe, expect, it } from 'vitest';
import { RefusalRecord } from '../src/release/refusal-record.ts';
import { aReadyBench, type Bench, fabric } from './support/bench.ts';
import { aHost, aProtector, crypto, HOST_ID } from './support/parties.ts';

const HOUR = 3_600_000;
const host = await aHost();
const { protector } = await aProtector(fabric.guardian);
const entriesOf = (store: KeyProtectionStore): Promise<readonly AuditEntry[]> =>
  store.auditEntries({ after: 0, limit: 100 });

describe('the decision is repeated before the answer', () => {
  /** Something becomes known while the release is being recorded. */
  async function releaseWhile(happens: (bench: Bench) => Promise<void>) {
    const store = memoryKeyProtectionStore(crypto);
    const bench: Bench = await aReadyBench({
      ...store,
      recordRelease: async (command) => {
        await happens(bench);
        return store.recordRelease(command);
      },
    });
    return { answer: await bench.release(host, protector), store, entries: await entriesOf(store) };
  }

  it.each<[string, string, string, (bench: Bench) => Promise<void>]>([
    [
      'the host is revoked',
      'health-certificate-refused',
      'certificate-revoked',
      (bench) => bench.publish({ number: 2, hosts: [{ id: HOST_ID }] }),
    ],
    [
      'the signer is denied',
      'health-certificate-refused',
      'certificate-denied',
      (bench) => bench.publish({ number: 2, denyIssuedBefore: new Date(bench.clock.now().getTime() + 1) }),
    ],
    [
      'the certificate ends',
      'health-certificate-refused',
      'certificate-expired',
      async (bench) => {
        bench.clock.advance(8 * HOUR + 1);
        await bench.publish({ number: 2 });
      },
    ],
    ['the statement ages', 'not-ready', 'revocations-stale', async (bench) => bench.clock.advance(31_000)],
  ])('%s meanwhile', async (_, code, subStatus, happens) => {
    const { answer, store, entries } = await releaseWhile(happens);
    expect(answer).toMatchObject({ ok: false, fault: { code } });
    expect(JSON.stringify(answer)).not.toContain('sealedKeys');
    const [record] = await store.releases({ after: 0, limit: 10 });
    expect(entries).toMatchObject([
      { kind: 'key.released', actor: `host:${HOST_ID}` },
      { kind: 'key.refused', actor: `host:${HOST_ID}`, body: { code, subStatus, withheld: record?.id } },
    ]);
  });
  it('and answers when nothing happened', async () => {
    expect((await releaseWhile(async () => {})).answer.ok).toBe(true);
  });
});

describe('audit entries cannot be framed', () => {
  it('who shows another host’s certificate is named by its own TLS key', async () => {
    const bench = await aReadyBench();
    const { spki } = await createTlsClient(crypto);
    await bench.release(host, protector, { spki });
    const [entry] = await entriesOf(bench.store);
    expect(entry).toMatchObject({ kind: 'key.refused', body: { code: 'client-key-mismatch', host: HOST_ID } });
    expect(entry?.actor).toMatch(/^tls-key:[0-9a-f]{64}$/);
  });
  it('who proved to be the host is named as it', async () => {
    const bench = await aReadyBench();
    await bench.release(host, utf8('rubbish'));
    expect(await entriesOf(bench.store)).toMatchObject([
      { actor: `host:${HOST_ID}`, body: { code: 'protector-refused' } },
    ]);
  });
});

describe('audit entries cannot be flooded', () => {
  it('one refusal a minute, whatever TLS key shows the certificate, and a count in the next', async () => {
    const bench = await aReadyBench();
    const flood = async () => {
      for (let i = 0; i < 20; i++)
        expect(await bench.release(host, protector, { spki: crypto.random(91) })).toMatchObject({
          fault: { code: 'client-key-mismatch' },
        });
    };
    await flood();
    await bench.release(host, utf8('rubbish')); // another kind
    expect(await entriesOf(bench.store)).toMatchObject([
      { body: { code: 'client-key-mismatch' } },
      { body: { code: 'protector-refused' } },
    ]);
    bench.clock.advance(60_000);
    await bench.publish();
    await flood();
    const entries = await entriesOf(bench.store);
    expect(entries).toHaveLength(3);
    expect(entries[2]).toMatchObject({ body: { code: 'client-key-mismatch', leftOut: 19 } });
  });
  it('keeps no more than it must', () => {
    const record = new RefusalRecord();
    const at = new Date(0);
    for (let i = 0; i < 5000; i++) expect(record.admit({ certificate: `${i}`, code: 'x' }, at)).toBe(0);
    expect(record.admit({ certificate: '4999', code: 'x' }, at)).toBeUndefined();
    expect(record.admit({ certificate: '0', code: 'x' }, at)).toBe(0);
  });
});

it('a malleable ingress is recorded under what was signed of it', async () => {
  const bench = await aReadyBench();
  const spaced = Uint8Array.of(...protector, 0x20);
  for (const variant of [protector, spaced]) expect((await bench.release(host, variant)).ok).toBe(true);
  const [one, other] = await bench.store.releases({ after: 0, limit: 10 });
  expect(one?.ingressDigest).not.toBe(other?.ingressDigest);
  const id = (one?.details as { readonly protectorId: string } | undefined)?.protectorId;
  expect(id).toMatch(/^[0-9a-f]{64}$/);
  expect(other?.details).toMatchObject({ protectorId: id });
  expect((await entriesOf(bench.store)).at(-1)).toMatchObject({ body: { protectorId: id } });
});

it('one statement from the future does not lock out those that have the right time', async () => {
  const bench = await aReadyBench();
  await bench.publish({ at: new Date(bench.clock.now().getTime() + HOUR) });
  await bench.publish();
  expect((await bench.release(host, protector)).ok).toBe(true);
});
