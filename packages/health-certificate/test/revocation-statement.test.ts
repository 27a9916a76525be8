import { toBase64Url, utf8 } from '@sekimori/bytes';
import type { SigningKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import { signRevocationStatement, verifyRevocationStatement } from '../src/revocation-statement.ts';

const statement = {
  issuer: 'hgs.example',
  number: 7,
  at: new Date('2026-11-22T12:00:00.000Z'),
  serials: ['0a0b'],
  hosts: ['6a3e8f0e-8f7b-4a52-9f5a-0d6a0b3f1c2d'],
  denyIssuedBefore: new Date('2026-11-01T00:00:00.000Z'),
};

describe('revocation statement', () => {
  let signer: SigningKey;
  let other: SigningKey;
  let jws: string;
  const trust = (...keys: SigningKey[]) => ({ signers: keys.map((key) => key.publicKey), issuer: 'hgs.example' });

  beforeAll(async () => {
    [signer, other] = [await newSigner(), await newSigner()];
    jws = await signRevocationStatement(crypto, statement, signer);
  });

  it('comes back as it was signed, by whichever pinned signer', () => {
    expect(expectOk(verifyRevocationStatement(crypto, jws, trust(other, signer)))).toEqual(statement);
  });
  it('by a key that is not pinned is refused', () => {
    expect(verifyRevocationStatement(crypto, jws, trust(other))).toMatchObject({
      fault: { code: 'revocations-untrusted' },
    });
    expect(verifyRevocationStatement(crypto, jws, trust())).toMatchObject({ fault: { code: 'revocations-untrusted' } });
  });
  it('of another issuer is refused', () => {
    expect(verifyRevocationStatement(crypto, jws, { ...trust(signer), issuer: 'other' })).toMatchObject({
      fault: { code: 'revocations-issuer' },
    });
  });
  it('with a changed payload is refused', () => {
    const [header, , signature] = jws.split('.');
    const payload = toBase64Url(
      utf8(JSON.stringify({ iss: 'hgs.example', number: 8, at: '2026-11-22T12:00:00.000Z', serials: [], hosts: [] })),
    );
    expect(verifyRevocationStatement(crypto, `${header}.${payload}.${signature}`, trust(signer))).toMatchObject({
      fault: { code: 'revocations-signature' },
    });
  });
  it.each(['none', 'HS256', 'ES384'])('with the algorithm %s is refused', (alg) => {
    const [, payload, signature] = jws.split('.');
    const header = toBase64Url(utf8(JSON.stringify({ alg, typ: 'sekimori-revocations+jwt', kid: 'x' })));
    expect(verifyRevocationStatement(crypto, `${header}.${payload}.${signature}`, trust(signer))).toMatchObject({
      fault: { code: 'revocations-malformed' },
    });
  });
  it('cut at any place or with any character changed is refused', () => {
    for (let at = 0; at < jws.length; at++) {
      expect(verifyRevocationStatement(crypto, jws.slice(0, at), trust(signer)).ok).toBe(false);
      const changed = `${jws.slice(0, at)}${jws[at] === 'A' ? 'B' : 'A'}${jws.slice(at + 1)}`;
      expect(verifyRevocationStatement(crypto, changed, trust(signer)).ok).toBe(false);
    }
  });
});

async function newSigner(): Promise<SigningKey> {
  const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
  return { publicKey: key.publicKey, algorithm: 'ecdsa-sha256', sign: (data) => key.sign('ecdsa-sha256', data) };
}
