import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { type Crypto } from '@sekimori/crypto-core';
import { GuardianCache, parseProtector, VerifiedProtector } from '../src/index.ts';
import { aProtector, branch, crypto, fabric, owner } from './parties.ts';
import { at, treeOf, written } from './tree.ts';

/** Counts signature checks. */
function counting(): { readonly crypto: Crypto; readonly checks: () => number } {
  let checks = 0;
  const verify: Crypto['verify'] = (...args) => {
    checks++;
    return crypto.verify(...args);
  };
  return { crypto: { ...crypto, verify }, checks: () => checks };
}

describe('GuardianCache', () => {
  it('spares the certificate signatures of parties it has seen, never the one over the protector', async () => {
    const cache = new GuardianCache();
    const counter = counting();
    for (const expected of [5, 6, 7]) {
      const parsed = expectOk(parseProtector((await aProtector([fabric])).protector));
      const outcome = VerifiedProtector.verify(counter.crypto, parsed, cache);
      // the owner signs anew for each protector: what it vouches for is known only where the bytes are the same
      expect(outcome.ok).toBe(true);
      expect(counter.checks()).toBeGreaterThanOrEqual(expected);
    }
    const parsed = expectOk(parseProtector((await aProtector([fabric])).protector));
    expectOk(VerifiedProtector.verify(counter.crypto, parsed, cache));
    const before = counter.checks();
    expectOk(VerifiedProtector.verify(counter.crypto, parsed, cache));
    expect(counter.checks()).toBe(before + 1);
  });

  it('remembers nothing that did not hold, and mixes nothing up', async () => {
    const cache = new GuardianCache();
    const good = treeOf((await aProtector([fabric, branch])).protector);
    const verify = (tree: typeof good) =>
      VerifiedProtector.verify(crypto, expectOk(parseProtector(written(tree))), cache);
    expect(verify(good).ok).toBe(true);
    for (const path of ['SigningCertificateSignature/Signature/SignatureValue', 'EncryptionCertificate']) {
      const bad = structuredClone(good);
      at(bad, `Wrappings/Wrapping.1/${path}`).children = at(good, `Wrappings/Wrapping.2/${path}`).children;
      for (let time = 0; time < 2; time++)
        expect(verify(bad)).toMatchObject({ fault: { code: 'protector-wrapping-signature' } });
    }
    expect(verify(good).ok).toBe(true);
  });

  it('holds no more than it was told to', () => {
    const cache = new GuardianCache(1);
    const counter = counting();
    const partsOf = ({ guardian }: typeof owner) => ({
      signingCertificate: guardian.signingCertificate.der,
      encryptionCertificate: guardian.encryptionCertificate.der,
      encryptionCertificateSignature: guardian.encryptionCertificateSignature,
    });
    for (const keys of [owner, owner, fabric, owner]) expectOk(cache.guardian(counter.crypto, partsOf(keys)));
    expect(counter.checks()).toBe(3);
  });
});
