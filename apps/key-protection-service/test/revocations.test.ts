import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectOk } from '@sekimori/result';
import { createLogger } from '@sekimori/service-kit';
import { memoryKeyProtectionStore } from '@sekimori/store';
import { openKeyProtectionStore } from '@sekimori/store-sql';
import { createAttestationSigner, createFixedClock, START } from '@sekimori/testkit';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { aBench, aReadyBench, type Bench, fabric } from './support/bench.ts';
import { Revocations } from '../src/revocations.ts';
import { aHost, aProtector, aStatement, crypto, HOST_ID, SERVICE_ID, serverCa, signer } from './support/parties.ts';

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

describe('a host that was refused', () => {
  it.each([
    ['after', -1, 'released'],
    ['of the very time of', 0, 'health-certificate-refused'],
    ['before', 1, 'health-certificate-refused'],
  ])('by a certificate over evidence %s the refusal', async (_, millis, expected) => {
    const bench = await aReadyBench();
    await bench.publish({ number: 2, hosts: [{ id: HOST_ID, before: new Date(START.getTime() + millis) }] });
    expect(await outcome(bench)).toBe(expected);
  });
});

describe('the number never goes back', () => {
  it('also of two refreshes at the same moment, the later of which ends first', async () => {
    const clock = createFixedClock();
    clock.advance(5000);
    const memory = memoryKeyProtectionStore(crypto);
    const waiting: (() => void)[] = [];
    const statements = [
      await aStatement({ number: 7, at: START }),
      await aStatement({ number: 7, at: clock.now(), hosts: [{ id: HOST_ID }] }),
    ];
    const revocations = new Revocations({
      crypto,
      clock,
      logger: createLogger({ service: 'test', level: 'silent' }),
      store: {
        seeRevocationNumber: async (issuer, number) => {
          await new Promise<void>((resolve) => waiting.push(resolve));
          return memory.seeRevocationNumber(issuer, number);
        },
      },
      issuer: SERVICE_ID,
      signers: [signer.key.publicKey],
      fetchStatement: async () => statements.shift() ?? '',
    });
    const [older, newer] = [revocations.refresh(), revocations.refresh()];
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    waiting[1]?.();
    await newer;
    waiting[0]?.();
    await older;
    expect(revocations.ageSeconds).toBe(0);
    expect(expectOk(revocations.current()).isRevoked({ hostId: HOST_ID, evidenceTime: START }, '0a')).toBe(true);
  });
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
