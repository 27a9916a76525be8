import { expectOk, type Result } from '@sekimori/result';
import {
  AK_ECC_P256,
  agreeWithHealthKey,
  certify,
  createAttestationKey,
  createHealthKey,
  createPrimary,
  type LoadedKey,
  openEndorsementKey,
  quoteWithPcrs,
  TPM_RH,
} from '@sekimori/tpm2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  AttestationKey,
  EndorsementKey,
  evidenceBinding,
  type ExpectedQuote,
  VerifiedHealthKey,
  VerifiedQuote,
} from '../src/index.ts';
import { crypto, NONCE, SELECTION } from './forger.ts';
import { type Bench, bench, swtpmMissing } from './swtpm.ts';

describe.skipIf(swtpmMissing())('evidence of a real swtpm', () => {
  let at: Bench;
  beforeAll(async () => {
    at = await bench();
  });
  afterAll(() => at.close());

  async function using<T>(key: Promise<Result<LoadedKey>>, work: (key: LoadedKey) => Promise<T>): Promise<T> {
    const loaded = expectOk(await key);
    try {
      return await work(loaded);
    } finally {
      await at.tpm.flush(loaded.handle);
    }
  }
  const enrolled = (ak: LoadedKey) => expectOk(AttestationKey.enrol(crypto, ak.tpm2bPublic));
  const expecting = (ak: LoadedKey, more: Partial<ExpectedQuote> = {}): ExpectedQuote => ({
    attestationKey: enrolled(ak),
    extraData: NONCE,
    selection: SELECTION,
    previous: undefined,
    ...more,
  });
  const quoteBy = async (ak: LoadedKey, extraData = NONCE) => {
    const { pcrs, ...signed } = expectOk(await quoteWithPcrs(at.tpm, ak, SELECTION, extraData));
    return { ...signed, pcrs: [...pcrs].map(([index, value]) => ({ index, value })) };
  };

  it('quote-pcr-unextended: a quote before any firmware ran', async () => {
    await at.reset();
    await using(createAttestationKey(at.tpm), async (ak) => {
      expect(VerifiedQuote.verify(crypto, await quoteBy(ak), expecting(ak))).toMatchObject({
        fault: { code: 'quote-pcr-unextended', detail: 'PCR 0, 1, 2, 3, 4, 5, 6, 7 was never extended' },
      });
    });
  });
  it.each(['ecc-p256', 'rsa-2048'] as const)('a good quote by a key of kind %s', async (kind) => {
    await at.reset();
    await at.boot();
    await using(createAttestationKey(at.tpm, kind), async (ak) => {
      const evidence = await quoteBy(ak);
      const quote = expectOk(VerifiedQuote.verify(crypto, evidence, expecting(ak)));
      expect(quote.pcrs.size).toBe(SELECTION.indices.length);
      const later = expecting(ak, { previous: quote.counters });
      expect(VerifiedQuote.verify(crypto, await quoteBy(ak), later).ok).toBe(true);
      const changed = evidence.pcrs.map(({ index, value }) => ({ index, value: index === 11 ? NONCE : value }));
      expect(VerifiedQuote.verify(crypto, { ...evidence, pcrs: changed }, expecting(ak))).toMatchObject({
        fault: { code: 'quote-digest' },
      });
      const other = crypto.hash('sha256', NONCE);
      expect(VerifiedQuote.verify(crypto, await quoteBy(ak, other), expecting(ak))).toMatchObject({
        fault: { code: 'quote-nonce' },
      });
    });
  });
  it('quote-reset-count: a quote from before the last reset', async () => {
    await using(createAttestationKey(at.tpm), async (ak) => {
      const old = await quoteBy(ak);
      await at.reset();
      await at.boot();
      const key = expectOk(await createAttestationKey(at.tpm));
      const now = expectOk(VerifiedQuote.verify(crypto, await quoteBy(key), expecting(key)));
      await at.tpm.flush(key.handle);
      expect(VerifiedQuote.verify(crypto, old, expecting(ak, { previous: now.counters }))).toMatchObject({
        fault: { code: 'quote-reset-count' },
      });
    });
  });
  it('quote-signer: the same template in the owner hierarchy is no key of ours', async () => {
    await using(createPrimary(at.tpm, TPM_RH.owner, AK_ECC_P256), async (ak) => {
      expect(VerifiedQuote.verify(crypto, await quoteBy(ak), expecting(ak))).toMatchObject({
        fault: { code: 'quote-signer' },
      });
    });
  });
  it('a health key: certified for one request, agreed with, and no other key in its place', async () => {
    const ek = expectOk(await openEndorsementKey(at.tpm));
    expectOk(EndorsementKey.check(crypto, ek.tpm2bPublic));
    const withBoth = (work: (ak: LoadedKey, key: LoadedKey) => Promise<void>) =>
      using(createAttestationKey(at.tpm), (ak) => using(createHealthKey(at.tpm, SELECTION), (key) => work(ak, key)));
    await withBoth(async (ak, key) => {
      const context = { challenge: NONCE, serviceId: 's', hostId: 'h', healthKeyName: key.name, clientKey: NONCE };
      const extraData = evidenceBinding(crypto, context);
      const evidence = await quoteBy(ak, extraData);
      const quote = expectOk(VerifiedQuote.verify(crypto, evidence, expecting(ak, { extraData })));
      const certified = expectOk(await certify(at.tpm, key, ak, extraData));
      const expected = { attestationKey: enrolled(ak), extraData, quote };
      const healthKey = key.tpm2bPublic;
      const verified = expectOk(VerifiedHealthKey.verify(crypto, { ...certified, healthKey }, expected));
      const { publicKey, sharedSecret } = crypto.agreeEphemeral(verified.publicKey);
      const agreed = expectOk(await agreeWithHealthKey(at.tpm, ek, key, SELECTION, publicKey));
      expect(agreed.use((bytes) => [...bytes])).toEqual(sharedSecret.use((bytes) => [...bytes]));

      expect(VerifiedQuote.verify(crypto, { ...evidence, ...certified }, expecting(ak, { extraData }))).toMatchObject({
        fault: { code: 'quote-type' },
      });
      const asCertified = { attest: evidence.attest, signature: evidence.signature, healthKey };
      expect(VerifiedHealthKey.verify(crypto, asCertified, expected)).toMatchObject({
        fault: { code: 'health-key-type' },
      });
      const substituted = { ...certified, healthKey: ak.tpm2bPublic };
      expect(VerifiedHealthKey.verify(crypto, substituted, expected)).toMatchObject({
        fault: { code: 'health-key-name' },
      });
    });
  });
});
