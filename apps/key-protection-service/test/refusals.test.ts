import { fromUtf8, utf8 } from '@sekimori/bytes';
import { parseHostId } from '@sekimori/health-certificate';
import { createGuardian } from '@sekimori/key-protector';
import { createAttestationSigner, createTlsClient, START } from '@sekimori/testkit';
import { describe, expect, it } from 'vitest';
import { aReadyBench, type Bench, fabric } from './support/bench.ts';
import { aHost, aProtector, crypto, type Host, HOST_ID, serverCa } from './support/parties.ts';

const HOUR = 3_600_000;
const host = await aHost();
const { protector } = await aProtector(fabric.guardian);

/** Refused, no key given; on record where the certificate was one of ours. */
async function expectRefused(
  bench: Bench,
  ask: () => ReturnType<Bench['release']>,
  code: string,
  subStatus: string | undefined,
  recorded = true,
): Promise<void> {
  const head = await bench.store.auditHead();
  expect(await ask()).toMatchObject({ ok: false, fault: subStatus ? { code, subStatus: [subStatus] } : { code } });
  expect(await bench.store.countReleases()).toBe(0);
  const entries = await bench.store.auditEntries({ after: head.index, limit: 10 });
  expect(entries).toMatchObject(recorded ? [{ kind: 'key.refused', body: { code, subStatus } }] : []);
}

describe('a health certificate that does not hold', () => {
  it.each<[string, string, () => Promise<Host>, boolean]>([
    [
      'one that has expired',
      'certificate-expired',
      () =>
        aHost({
          life: { notBefore: new Date(START.getTime() - 8 * HOUR), notAfter: new Date(START.getTime() - 1000) },
        }),
      true,
    ],
    [
      'one that is not good yet',
      'certificate-not-yet-valid',
      () =>
        aHost({ life: { notBefore: new Date(START.getTime() + 1000), notAfter: new Date(START.getTime() + HOUR) } }),
      true,
    ],
    ['one for another audience', 'certificate-audience', () => aHost({ claims: { audience: 'other.example' } }), true],
    ['one of a lower level', 'certificate-level', () => aHost({ claims: { level: 'identity' } }), true],
    [
      'one by a signer that is not pinned, though the same CA issued it',
      'certificate-untrusted',
      async () => aHost({ by: await createAttestationSigner(crypto, serverCa) }),
      false,
    ],
  ])('%s', async (_, subStatus, make, recorded) => {
    const bench = await aReadyBench();
    const bad = await make();
    await expectRefused(bench, () => bench.release(bad, protector), 'health-certificate-refused', subStatus, recorded);
  });
  it.each<[string, string, (leaf: Uint8Array) => Uint8Array]>([
    ['a changed signature', 'certificate-signature', (leaf) => leaf.with(leaf.length - 1, leaf.at(-1)! ^ 1)],
    ['a changed claim', 'certificate-signature', changedClaim],
    ['one byte less', 'certificate-malformed', (leaf) => leaf.slice(0, -1)],
    ['one byte more', 'certificate-malformed', (leaf) => Uint8Array.of(...leaf, 0)],
    ['rubbish', 'certificate-malformed', () => new Uint8Array(600).fill(0xa5)],
  ])('%s', async (_, subStatus, change) => {
    const bench = await aReadyBench();
    const leaf = change(host.certificate.der);
    await expectRefused(
      bench,
      () => bench.release(host, protector, { leaf }),
      'health-certificate-refused',
      subStatus,
      false,
    );
  });
  it('that of another host than the one whose TLS key asks', async () => {
    const bench = await aReadyBench();
    const { spki } = await createTlsClient(crypto);
    await expectRefused(
      bench,
      () => bench.release(host, protector, { spki }),
      'client-key-mismatch',
      'release-client-key',
    );
  });
  it('while the floor is higher than its level', async () => {
    const { settings } = (await aReadyBench()).deps;
    const floor = { settings: { ...settings, minimumLevel: 'measured-locked' as const } };
    const bench = await aReadyBench(undefined, floor);
    await expectRefused(bench, () => bench.release(host, protector), 'health-certificate-refused', 'certificate-level');
  });
  it('ends by itself', async () => {
    const bench = await aReadyBench();
    bench.clock.advance(8 * HOUR + 1);
    await bench.publish();
    await expectRefused(
      bench,
      () => bench.release(host, protector),
      'health-certificate-refused',
      'certificate-expired',
    );
  });
});

describe('what was revoked', () => {
  const refused = (bench: Bench, subStatus: string) =>
    expectRefused(bench, () => bench.release(host, protector), 'health-certificate-refused', subStatus);
  it('the certificates of a host, up to a time', async () => {
    const bench = await aReadyBench();
    await bench.publish({ number: 2, hosts: [{ id: HOST_ID, before: START }] });
    await refused(bench, 'certificate-revoked');
    const attestedAnew = await aHost({ claims: { evidenceTime: new Date(START.getTime() + 1) } });
    expect((await bench.release(attestedAnew, protector)).ok).toBe(true);
  });
  it('a host, with every certificate it has and will have', async () => {
    const bench = await aReadyBench();
    await bench.publish({ number: 2, hosts: [{ id: HOST_ID }] });
    await refused(bench, 'certificate-revoked');
    const attestedAnew = await aHost({ claims: { evidenceTime: new Date(START.getTime() + 1) } });
    const renewed = bench.release(attestedAnew, protector);
    expect(await renewed).toMatchObject({ fault: { subStatus: ['certificate-revoked'] } });
    const other = await aHost({ claims: { hostId: parseHostId('11111111-2222-4333-8444-555555555555')! } });
    expect((await bench.release(other, protector)).ok).toBe(true);
  });
  it('evidence from before a policy was tightened', async () => {
    const bench = await aReadyBench();
    await bench.publish({ number: 2, denyIssuedBefore: new Date(START.getTime() + 1) });
    await refused(bench, 'certificate-denied');
    await bench.publish({ number: 2, denyIssuedBefore: START });
    expect((await bench.release(host, protector)).ok).toBe(true);
  });
});

describe('a key protector that does not hold', () => {
  const text = fromUtf8(protector) ?? '';
  it.each<[string, string, Uint8Array]>([
    ['rubbish', 'protector-malformed', utf8('rubbish')],
    ['nothing', 'protector-malformed', new Uint8Array(0)],
    ['a document type', 'protector-malformed', utf8(`<!DOCTYPE a [<!ENTITY b "c">]>${text}`)],
    ['truncated', 'protector-malformed', protector.slice(0, -1)],
    ['two of them', 'protector-malformed', utf8(text + text)],
    ['a weaker algorithm', 'protector-algorithm', utf8(text.replace('hmac-sha256', 'hmac-sha1'))],
    [
      'a guardian signature of another',
      'protector-guardian-signature',
      utf8(text.replace(/(<GuardianSignature.*<SignatureValue>)..../, '$1AAAA')),
    ],
    [
      'another transport key: from decryption on every refusal is the same',
      'protector-not-opened',
      utf8(text.replace(/(<TransportKeySignature>.*?<SignatureValue>)..../, '$1AAAA')),
    ],
  ])('%s', async (_, subStatus, changed) => {
    const bench = await aReadyBench();
    await expectRefused(bench, () => bench.release(host, changed), 'protector-refused', subStatus);
  });
  it('changed anywhere: every refusal is one, and none gives a key', async () => {
    const bench = await aReadyBench();
    for (let at = 0; at < protector.length; at += 97) {
      const changed = protector.with(at, protector[at]! ^ 1);
      const outcome = await bench.release(host, changed);
      expect([at, outcome]).toMatchObject([at, { ok: false, fault: { code: 'protector-refused' } }]);
    }
    expect(await bench.store.countReleases()).toBe(0);
  });
  it('one for the guardians of others', async () => {
    const bench = await aReadyBench();
    const others = (await createGuardian(crypto, 'Other fabric', START)).keys.guardian;
    const { protector: theirs } = await aProtector(others);
    await expectRefused(bench, () => bench.release(host, theirs), 'protector-refused', 'protector-not-mine');
  });
});

function changedClaim(leaf: Uint8Array): Uint8Array {
  const at = Buffer.from(leaf).indexOf('measured');
  return leaf.with(at, 'M'.charCodeAt(0));
}
