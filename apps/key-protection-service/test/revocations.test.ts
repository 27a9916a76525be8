import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectOk } from '@sekimori/result';
import { openKeyProtectionStore } from '@sekimori/store-sql';
import { createAttestationSigner, START } from '@sekimori/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { aBench, aReadyBench, type Bench, fabric } from './support/bench.ts';
import { aHost, aProtector, aStatement, crypto, HOST_ID, serverCa } from './support/parties.ts';

const host = await aHost();
const { protector } = await aProtector(fabric.guardian);

async function outcome({ release }: Bench): Promise<string> {
  const answer = await release(host, protector);
  return answer.ok ? 'released' : answer.fault.code;
}

async function openStore(file?: string) {
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-kps-'));
  const store = expectOk(await openKeyProtectionStore({ file: file ?? join(folder, 'kps.sqlite'), crypto }));
  onTestFinished(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  return { store, file: file ?? join(folder, 'kps.sqlite') };
}

describe('without a fresh revocation statement nothing is released', () => {
  it('before the first', async () => {
    const bench = await aBench();
    expect(await outcome(bench)).toBe('not-ready');
    expect(await bench.store.auditHead()).toMatchObject({ index: 0 });
    await bench.publish();
    expect(await outcome(bench)).toBe('released');
  });
  it('30 s old is good, older is not, and a new one mends it', async () => {
    const bench = await aReadyBench();
    bench.clock.advance(30_000);
    expect(await outcome(bench)).toBe('released');
    bench.clock.advance(1000);
    expect(await outcome(bench)).toBe('not-ready');
    await bench.publish();
    expect(await outcome(bench)).toBe('released');
  });
  it('one from the future is not believed either', async () => {
    const bench = await aBench();
    await bench.publish({ at: new Date(START.getTime() + 31_000) });
    expect(await outcome(bench)).toBe('not-ready');
  });
  it('a source that fails: the last one counts until it is too old', async () => {
    const bench = await aReadyBench();
    await expect(bench.say(new Error('no route to host'))).rejects.toThrow('no route');
    expect(await outcome(bench)).toBe('released');
    bench.clock.advance(31_000);
    await expect(bench.say(new Error('no route to host'))).rejects.toThrow('no route');
    expect(await outcome(bench)).toBe('not-ready');
  });
  it('one that does not verify changes nothing', async () => {
    const bench = await aReadyBench();
    await bench.publish({ number: 5, hosts: [{ id: HOST_ID }] });
    bench.clock.advance(20_000);
    const at = bench.clock.now();
    const good = await aStatement({ number: 6, at });
    const other = await createAttestationSigner(crypto, serverCa);
    const forgeries = [
      'rubbish',
      '',
      good.slice(0, -4),
      good.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
      `${good.split('.').slice(0, 2).join('.')}.`,
      await aStatement({ number: 6, at }, other),
      await aStatement({ number: 6, at, issuer: 'hgs.evil.example' }),
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`,
    ];
    for (const forgery of forgeries) {
      await bench.say(forgery);
      expect(await outcome(bench)).toBe('health-certificate-refused');
    }
    bench.clock.advance(11_000);
    expect(await outcome(bench)).toBe('not-ready');
  });
});

describe('the number never goes back', () => {
  it('a smaller number, or an older statement of the same, is refused', async () => {
    const bench = await aReadyBench();
    await bench.publish({ number: 7, hosts: [{ id: HOST_ID }] });
    expect(await outcome(bench)).toBe('health-certificate-refused');
    bench.clock.advance(5000);
    await bench.publish({ number: 6 });
    expect(await outcome(bench)).toBe('health-certificate-refused');
    await bench.publish({ number: 7, at: START });
    expect(bench.deps.revocations.ageSeconds).toBe(5);
    await bench.publish({ number: 7, hosts: [{ id: HOST_ID }] });
    expect([bench.deps.revocations.number, bench.deps.revocations.ageSeconds]).toEqual([7, 0]);
  });
  it('also after a restart, and on another node', async () => {
    const { store, file } = await openStore();
    const first = await aBench(store);
    await first.publish({ number: 7, hosts: [{ id: HOST_ID }] });
    const again = await aBench((await openStore(file)).store);
    await again.publish({ number: 6 }); // an old one, without the host
    expect(await outcome(again)).toBe('not-ready');
    await again.publish({ number: 7, hosts: [{ id: HOST_ID }] });
    expect(await outcome(again)).toBe('health-certificate-refused');
  });
});
