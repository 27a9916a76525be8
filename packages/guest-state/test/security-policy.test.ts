import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import fuzz from '../fuzz/security-policy.ts';
import {
  isPolicyOf,
  type SecurityPolicy,
  securityPolicyHash,
  signSecurityPolicy,
  verifySecurityPolicy,
} from '../src/index.ts';
import { crypto, owner, stranger, vmId } from './parties.ts';

const policy: SecurityPolicy = {
  vmId,
  level: 'shielded',
  secureBoot: true,
  disks: new Map([
    ['system', 'boot'],
    ['data', 'guest'],
  ]),
};
const jws = await signSecurityPolicy(owner, policy);
const verify = (text: string, by = owner) => verifySecurityPolicy(crypto, by.guardian, text);
const payload = JSON.parse(fromUtf8(fromBase64Url(jws.split('.')[1]!)!)!) as Record<string, unknown>;

/** Signed by the owner, whatever it says. */
async function signed(header: object, content: object): Promise<string> {
  const text = [header, content].map((part) => toBase64Url(utf8(JSON.stringify(part)))).join('.');
  return `${text}.${toBase64Url(await owner.signing.sign(utf8(text)))}`;
}
const header = { alg: 'ES256', typ: 'sekimori-security-policy+jws', kid: owner.guardian.fingerprint };
const malformed = { fault: { code: 'security-policy-malformed' } };
const notTheOwner = { fault: { code: 'security-policy-owner' } };

describe('a security policy', () => {
  it('is what the owner signed', () => {
    expect(expectOk(verify(jws))).toEqual(policy);
  });

  it("is not another owner's", async () => {
    expect(verify(jws, stranger)).toMatchObject(notTheOwner);
    const [head, content, signature] = (await signSecurityPolicy(stranger, policy)).split('.');
    const renamed = [toBase64Url(utf8(JSON.stringify(header))), content, signature].join('.');
    expect(verify(renamed)).toMatchObject(notTheOwner);
    expect(verify([head, content, jws.split('.')[2]].join('.'))).toMatchObject(notTheOwner);
  });

  it.each([
    ['a level that is not known', { ...payload, level: 'open' }],
    ['no level', { ...payload, level: undefined }],
    ['shielded without Secure Boot', { ...payload, secureBoot: false }],
    ['a disk mode that is not known', { ...payload, disks: { data: 'plain' } }],
    ['a disk whose name is a path', { ...payload, disks: { '../data': 'outer' } }],
    [
      'a disk named as what every object has',
      JSON.parse(`{"vmId":"${vmId}","level":"shielded","secureBoot":true,"disks":{"__proto__":"outer"}}`) as object,
    ],
    ['no disk', { ...payload, disks: {} }],
    ['a VM id that is none', { ...payload, vmId: vmId.toUpperCase() }],
    ['something that is not known', { ...payload, allow: 'everything' }],
  ])('is refused with %s, though the owner signed it', async (_, content) => {
    expect(verify(await signed(header, content))).toMatchObject(malformed);
  });

  it.each([
    ['another algorithm', { ...header, alg: 'none' }],
    ['another type', { ...header, typ: 'JWT' }],
    ['more in its header', { ...header, jwk: {} }],
  ])('is refused with %s', async (_, head) => {
    expect(verify(await signed(head, payload))).toMatchObject(malformed);
  });

  it('is refused with any character changed, cut anywhere, and with a part more', () => {
    for (let index = 0; index < jws.length; index++) {
      expect(verify(jws.slice(0, index)).ok).toBe(false);
      const other = jws[index] === 'A' ? 'B' : 'A';
      const changed = jws.slice(0, index) + other + jws.slice(index + 1);
      expect(verify(changed).ok, `character ${index}`).toBe(false);
      expect(() => fuzz(utf8(changed))).not.toThrow();
    }
    expect(verify(`${jws}.`).ok).toBe(false);
  });

  it('is the one that the guest state names, to the byte', async () => {
    const state = { securityPolicy: securityPolicyHash(crypto, jws) };
    expect(isPolicyOf(crypto, state, jws)).toBe(true);
    expect(
      isPolicyOf(crypto, state, await signSecurityPolicy(owner, { ...policy, level: 'encryption-supported' })),
    ).toBe(false);
  });

  it('is not signed when it would be refused', async () => {
    await expect(signSecurityPolicy(owner, { ...policy, secureBoot: false })).rejects.toThrow('not a security policy');
  });
});
