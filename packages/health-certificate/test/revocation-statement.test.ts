import { toBase64Url, utf8 } from '@sekimori/bytes';
import type { SigningKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import { type HostId, parseHostId } from '../src/claims.ts';
import {
  MAX_REVOKED_HOSTS,
  type RevokedHost,
  signRevocationStatement,
  verifyRevocationStatement,
} from '../src/revocation-statement.ts';

const hostId = (n: number): HostId => parseHostId(`6a3e8f0e-8f7b-4a52-9f5a-${n.toString(16).padStart(12, '0')}`)!;

const statement = {
  issuer: 'hgs.example',
  number: 7,
  at: new Date('2026-11-22T12:00:00.000Z'),
  hosts: [{ id: hostId(1) }, { id: hostId(2), before: new Date('2026-11-22T11:00:00.001Z') }],
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
      utf8(JSON.stringify({ iss: 'hgs.example', number: 8, at: '2026-11-22T12:00:00.000Z', hosts: [] })),
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
  it('names each host once, by its identifier, with a time or none', async () => {
    const sign = async (hosts: readonly object[]) => {
      const changed = { ...statement, hosts: hosts as readonly RevokedHost[] };
      return verifyRevocationStatement(crypto, await signRevocationStatement(crypto, changed, signer), trust(signer));
    };
    const id = hostId(1);
    const before = new Date(0);
    expect((await sign([{ id }, { id: hostId(2), before }])).ok).toBe(true);
    for (const hosts of [[{ id }, { id, before }], [{ id: 'node7' }], [{}], [{ id: 7 }]])
      expect(await sign(hosts)).toMatchObject({ fault: { code: 'revocations-malformed' } });
    for (const bad of [{ toISOString: () => 'soon' }, { toISOString: () => 5 }])
      expect(await sign([{ id, before: bad }])).toMatchObject({ fault: { code: 'revocations-malformed' } });
  });
  it('of as many hosts as it may name is read; with one more it is not written', async () => {
    const hosts = Array.from({ length: MAX_REVOKED_HOSTS }, (_, n) => ({ id: hostId(n), before: statement.at }));
    const full = await signRevocationStatement(crypto, { ...statement, issuer: 'i'.repeat(253), hosts }, signer);
    const trusted = { ...trust(signer), issuer: 'i'.repeat(253) };
    expect(expectOk(verifyRevocationStatement(crypto, full, trusted)).hosts).toHaveLength(MAX_REVOKED_HOSTS);
    const more = { ...statement, hosts: [...hosts, { id: hostId(hosts.length) }] };
    await expect(signRevocationStatement(crypto, more, signer)).rejects.toThrow('at most');
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
