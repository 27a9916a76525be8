import { equal, fromUtf8, toHex, utf8 } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';
import { OpenedProtector, parseProtector, GuardianKeys, VerifiedProtector } from '@sekimori/key-protector';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { openSealedKeys, readSealedKeys, type Release, releaseKeys } from '../src/index.ts';
import { aHost, aProtector, crypto, fabric, type Host, owner, serviceGuardian } from './setting.ts';

const sha256 = (bytes: Uint8Array) => crypto.hash('sha256', bytes);
const hex = (secret: Secret) => secret.use(toHex);
const host = await aHost();

/** What a host does with an answer. */
async function take(from: Host, ingress: Uint8Array, release: Release) {
  const sealed = expectOk(readSealedKeys(crypto, release.sealedKeys));
  const z = await from.tpm.agree(sealed.ephemeralKey);
  return openSealedKeys(crypto, sealed, from.healthKey, z, {
    ingressProtector: sha256(ingress),
    egressProtector: sha256(release.egressProtector),
    healthCertificate: sha256(from.healthCertificate.certificate.der),
  });
}

async function openAs(keys: GuardianKeys, bytes: Uint8Array) {
  const verified = expectOk(VerifiedProtector.verify(crypto, expectOk(parseProtector(bytes))));
  return expectOk(await OpenedProtector.open(crypto, verified, [keys]));
}

const releaseTo = (to: Host, protector: Uint8Array, guardians: readonly GuardianKeys[] = [fabric]) =>
  releaseKeys(
    { crypto, guardians },
    { healthCertificate: to.healthCertificate, clientKeyHash: to.clientKeyHash, protector },
  );

describe('a release', () => {
  it('gives the host the key it asked for and the next one, with the protector of that', async () => {
    const { protector, transportKey } = await aProtector();
    const release = expectOk(await releaseTo(host, protector));
    const keys = expectOk(await take(host, protector, release));
    expect(hex(keys.ingress)).toBe(hex(transportKey));
    expect(hex(keys.egress)).not.toBe(hex(transportKey));
    for (const party of [owner, fabric])
      expect(hex((await openAs(party, release.egressProtector)).transportKey)).toBe(hex(keys.egress));
  });

  it('is recorded by hashes and fingerprints, never by a key', async () => {
    const { protector, transportKey } = await aProtector();
    const release = expectOk(await releaseTo(host, protector));
    expect(release.record).toEqual({
      hostId: '8d2f0e52-6d4e-4b1c-9d0c-1f2e3d4c5b6a',
      certificateSerial: host.healthCertificate.serial,
      protectorId: toHex(sha256(expectOk(parseProtector(protector)).signedOctets)),
      ingressHash: toHex(sha256(protector)),
      egressHash: toHex(sha256(release.egressProtector)),
      guardian: fabric.guardian.fingerprint,
      owner: owner.guardian.fingerprint,
    });
    const keys = expectOk(await take(host, protector, release));
    for (const key of [transportKey, keys.egress]) expect(JSON.stringify(release.record)).not.toContain(hex(key));
  });

  it('can be asked for again, and the chain goes on from each answer', async () => {
    const { protector, transportKey } = await aProtector();
    const [first, second] = [expectOk(await releaseTo(host, protector)), expectOk(await releaseTo(host, protector))];
    for (const release of [first, second]) {
      const keys = expectOk(await take(host, protector, release));
      expect(hex(keys.ingress)).toBe(hex(transportKey));
      const next = expectOk(await releaseTo(host, release.egressProtector));
      expect(hex(expectOk(await take(host, release.egressProtector, next)).ingress)).toBe(hex(keys.egress));
    }
    expect(equal(first.egressProtector, second.egressProtector)).toBe(false);
  });

  it('finds the pair of keys that the protector names among several', async () => {
    const retired = await serviceGuardian('Fabric, older');
    const { protector } = await aProtector([retired]);
    expect(expectOk(await releaseTo(host, protector, [fabric, retired])).record.guardian).toBe(
      retired.guardian.fingerprint,
    );
  });

  it('hashes a protector as it arrived, with what stands before the XML', async () => {
    const { protector } = await aProtector();
    const marked = Uint8Array.of(...utf8('\ufeff'), ...protector);
    const release = expectOk(await releaseTo(host, marked));
    expect(release.record.ingressHash).toBe(toHex(sha256(marked)));
    expect((await take(host, marked, release)).ok).toBe(true);
    expect((await take(host, protector, release)).ok).toBe(false);
  });

  it('names a malleable protector by what was signed of it', async () => {
    const text = fromUtf8((await aProtector()).protector)!;
    const variants = [text, text.replace('<Wrappings>', '<Wrappings >'), `${text} `, `\ufeff${text}`].map(utf8);
    const records = [];
    for (const variant of variants) records.push(expectOk(await releaseTo(host, variant)).record);
    expect(new Set(records.map(({ protectorId }) => protectorId)).size).toBe(1);
    expect(new Set(records.map(({ ingressHash }) => ingressHash)).size).toBe(variants.length);
    expect(expectOk(await releaseTo(host, (await aProtector()).protector)).record.protectorId).not.toBe(
      records[0]?.protectorId,
    );
  });

  it('works on its own copy of the protector', async () => {
    const { protector } = await aProtector();
    const sent = Uint8Array.from(protector);
    const pending = releaseTo(host, sent);
    sent.fill(0);
    expect(expectOk(await pending).record.ingressHash).toBe(toHex(sha256(protector)));
  });

  it('opens for no other host, protector or certificate', async () => {
    const { protector } = await aProtector();
    const release = expectOk(await releaseTo(host, protector));
    const other = await aHost();
    const notOpened = { ok: false, fault: { code: 'sealed-keys-not-opened' } };
    expect(await take(other, protector, release)).toMatchObject(notOpened);
    expect(await take({ ...host, healthCertificate: other.healthCertificate }, protector, release)).toMatchObject(
      notOpened,
    );
    expect(await take(host, (await aProtector()).protector, release)).toMatchObject(notOpened);
    expect(await take(host, protector, { ...release, egressProtector: protector })).toMatchObject(notOpened);
  });
});

describe('a release is refused', () => {
  const edited = async (from: RegExp, to: string) => utf8(fromUtf8((await aProtector()).protector)!.replace(from, to));
  /** A key store that tells when it is used. */
  const watched = () => {
    const uses: string[] = [];
    const keys = expectOk(
      GuardianKeys.of(
        fabric.guardian,
        { ...fabric.signing, sign: (data) => (uses.push('sign'), fabric.signing.sign(data)) },
        { ...fabric.agreement, agree: (peer) => (uses.push('agree'), fabric.agreement.agree(peer)) },
      ),
    );
    return { keys, uses };
  };

  it.each<[string, string, () => Promise<Uint8Array>]>([
    ['rubbish', 'protector-malformed', async () => utf8('rubbish')],
    ['nothing', 'protector-malformed', async () => new Uint8Array(0)],
    ['too much', 'protector-malformed', async () => new Uint8Array((1 << 20) + 1).fill(0x20)],
    [
      'two owners',
      'protector-wrapping',
      () => edited(/ParentWrappingId="1"(?!.*ParentWrappingId)/, 'ParentWrappingId="2"'),
    ],
    ['a weaker MAC', 'protector-algorithm', () => edited(/hmac-sha256/, 'hmac-sha1')],
    [
      'a changed certificate signature',
      'protector-wrapping-signature',
      () => edited(/(<EncryptionCertificateSignature>.*?<SignatureValue>)..../, '$1AAAA'),
    ],
    [
      'a changed guardian signature',
      'protector-guardian-signature',
      () => edited(/(<GuardianSignature.*<SignatureValue>)..../, '$1AAAA'),
    ],
  ])('for %s, before a private key is used', async (_, code, make) => {
    const { keys, uses } = watched();
    expect(await releaseTo(host, await make(), [keys])).toMatchObject({ ok: false, fault: { code } });
    expect(uses).toEqual([]);
  });

  it('for a protector of others', async () => {
    const { keys, uses } = watched();
    const { protector } = await aProtector([await serviceGuardian('Other fabric')]);
    expect(await releaseTo(host, protector, [keys])).toMatchObject({ fault: { code: 'protector-not-mine' } });
    expect(await releaseTo(host, protector, [])).toMatchObject({ fault: { code: 'protector-not-mine' } });
    expect(uses).toEqual([]);
  });

  it('for a transport key signature that does not hold, and then nothing is signed', async () => {
    const { keys, uses } = watched();
    const changed = await edited(/(<TransportKeySignature>.*?<SignatureValue>)..../, '$1AAAA');
    expect(await releaseTo(host, changed, [keys])).toEqual({
      ok: false,
      fault: { code: 'protector-not-opened', detail: 'the protector does not open' },
    });
    expect(uses).toEqual(['agree']);
  });

  it('for another client key, before the protector is looked at', async () => {
    const { keys, uses } = watched();
    for (const clientKeyHash of [new Uint8Array(32), new Uint8Array(0), host.clientKeyHash.subarray(1)])
      expect(
        await releaseKeys(
          { crypto, guardians: [keys] },
          { healthCertificate: host.healthCertificate, clientKeyHash, protector: utf8('rubbish') },
        ),
      ).toMatchObject({ fault: { code: 'release-client-key' } });
    expect(uses).toEqual([]);
  });

  it('by an outage, as a rejection, not as a verdict', async () => {
    const { protector } = await aProtector();
    const gone = () => Promise.reject(new Error('token removed'));
    const keys = expectOk(GuardianKeys.of(fabric.guardian, { ...fabric.signing, sign: gone }, fabric.agreement));
    await expect(releaseTo(host, protector, [keys])).rejects.toThrow('token removed');
  });
});
