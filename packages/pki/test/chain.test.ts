import { der } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  basicConstraints,
  type Certificate,
  ChainCache,
  EXTENSION,
  extendedKeyUsage,
  extension,
  keyUsage,
  type PathOptions,
  PURPOSE,
  parseCertificate,
  validatePath,
  writeName,
} from '../src/index.ts';
import { counted } from './support/crypto.ts';
import { CA, day, type Made, make, signingKey } from './support/keys.ts';

let root: Made;
let middle: Made;
let leaf: Made;
const at = day('2027-01-01');

beforeAll(async () => {
  root = await make({ name: 'root', extensions: [basicConstraints(true), keyUsage('keyCertSign')] });
  middle = await make({ name: 'middle', issuer: root });
  leaf = await leafOf(middle);
});

const leafOf = (issuer: Made, more: Partial<Parameters<typeof make>[0]> = {}) =>
  make({ name: 'leaf', issuer, extensions: [extendedKeyUsage(false, PURPOSE.clientAuth)], ...more });

const validate = (certificate: Certificate, more: Partial<PathOptions> = {}) =>
  validatePath(nodeCrypto, certificate, {
    intermediates: [middle.certificate],
    roots: [root.certificate],
    at,
    purpose: PURPOSE.clientAuth,
    ...more,
  });

/** A chain whose middle is as wanted. */
async function below(wanted: Parameters<typeof make>[0], leafWanted: Parameters<typeof make>[0] = {}) {
  const other = await make({ name: 'other', issuer: root, ...wanted });
  const certificate = (await leafOf(other, leafWanted)).certificate;
  return { certificate, intermediates: [other.certificate] };
}
const faultOf = (outcome: ReturnType<typeof validate>) => (outcome.ok ? 'ok' : outcome.fault.code);

describe('a path to a root', () => {
  it('is found among useless intermediates, in any order', async () => {
    const strangers = await Promise.all([make({ name: 'middle' }), make({ name: 'root' }), make({ name: 'leaf' })]);
    const intermediates = [...strangers.map((made) => made.certificate), middle.certificate];
    const path = expectOk(validate(leaf.certificate, { intermediates }));
    expect(path.chain).toEqual([leaf.certificate, middle.certificate, root.certificate]);
    expect(path).toMatchObject({ root: root.certificate, findings: [] });
  });
  it('may end at a pinned CA that is not self-signed', () => {
    expect(expectOk(validate(leaf.certificate, { intermediates: [], roots: [middle.certificate] })).chain).toHaveLength(
      2,
    );
  });
  it('takes the good one of two issuers with the same name and key', async () => {
    const expired = await make({ name: 'middle', issuer: root, key: middle.key, to: day('2026-06-01') });
    const intermediates = [expired.certificate, middle.certificate];
    expect(expectOk(validate(leaf.certificate, { intermediates })).chain[1]).toBe(middle.certificate);
    expect(faultOf(validate(leaf.certificate, { intermediates: [expired.certificate] }))).toBe('chain-expired');
  });
});

describe('refusals', () => {
  it('chain-untrusted: no root, an unknown root, a missing intermediate, the same name with another key', async () => {
    const twin = await make({ name: 'root' });
    expect(faultOf(validate(leaf.certificate, { roots: [] }))).toBe('chain-untrusted');
    expect(faultOf(validate(leaf.certificate, { intermediates: [] }))).toBe('chain-untrusted');
    expect(faultOf(validate((await make({ extensions: [] })).certificate))).toBe('chain-untrusted');
    // without key identifiers only the signature tells twins apart
    expect(faultOf(validate(leaf.certificate, { roots: [twin.certificate] }))).toBe('chain-signature');
  });
  it('chain-signature: signed by somebody else; one flipped bit', async () => {
    const forged = await leafOf(middle, { signedBy: (await make({})).key });
    expect(faultOf(validate(forged.certificate))).toBe('chain-signature');
    const bytes = Uint8Array.from(leaf.certificate.der);
    bytes[bytes.length - 1]! ^= 1;
    expect(faultOf(validate(expectOk(parseCertificate(bytes))))).toBe('chain-signature');
  });
  it('chain-expired and chain-not-yet-valid, at each level, to the second', async () => {
    const end = day('2030-01-01').getTime();
    expect(validate(leaf.certificate, { at: new Date(end) }).ok).toBe(true);
    expect(faultOf(validate(leaf.certificate, { at: new Date(end + 1) }))).toBe('chain-expired');
    expect(faultOf(validate(leaf.certificate, { at: new Date(day('2026-01-01').getTime() - 1) }))).toBe(
      'chain-not-yet-valid',
    );
    expect(faultOf(validate(leaf.certificate, { at: new Date(Number.NaN) }))).toBe('chain-expired');
    expect(faultOf(validate(leaf.certificate, { at: new Date(Number.NaN), expired: 'finding' }))).toBe('chain-expired');
    const old = await below({ to: day('2026-06-01') });
    expect(faultOf(validate(old.certificate, old))).toBe('chain-expired');
    const young = await below({ from: day('2028-01-01') });
    expect(faultOf(validate(young.certificate, young))).toBe('chain-not-yet-valid');
    const outdated = expectOk(validate(old.certificate, { ...old, expired: 'finding' }));
    expect(outdated.findings).toMatchObject([{ code: 'chain-expired', certificate: old.intermediates[0] }]);
  });
  it('chain-not-ca: an issuer without basic constraints, or with cA false', async () => {
    for (const extensions of [[], [basicConstraints(false)], [keyUsage('keyCertSign')]]) {
      const chain = await below({ extensions });
      expect(faultOf(validate(chain.certificate, chain))).toBe('chain-not-ca');
    }
  });
  it('chain-key-usage: an issuer that may not sign certificates', async () => {
    const chain = await below({ extensions: [basicConstraints(true), keyUsage('digitalSignature', 'cRLSign')] });
    expect(faultOf(validate(chain.certificate, chain))).toBe('chain-key-usage');
  });
  it('chain-path-length: one issuer too many below', async () => {
    const tight = await make({ name: 'tight', issuer: root, extensions: [basicConstraints(true, 0)] });
    const extra = await make({ name: 'extra', issuer: tight });
    const intermediates = [tight.certificate, extra.certificate];
    expect(validate((await leafOf(tight)).certificate, { intermediates }).ok).toBe(true);
    expect(faultOf(validate((await leafOf(extra)).certificate, { intermediates }))).toBe('chain-path-length');
  });
  it('chain-path-length does not count self-issued issuers', async () => {
    const tight = await make({ name: 'tight', issuer: root, extensions: [basicConstraints(true, 0)] });
    const renewed = await make({ name: 'tight', issuer: tight });
    const intermediates = [tight.certificate, renewed.certificate];
    expect(validate((await leafOf(renewed)).certificate, { intermediates }).ok).toBe(true);
  });
  it.each([true, false])('chain-name-constraints: an issuer that constrains names (critical: %s)', async (critical) => {
    const constraints = extension(EXTENSION.nameConstraints, critical, der.sequence());
    const chain = await below({ extensions: [...CA, constraints] });
    expect(faultOf(validate(chain.certificate, chain))).toBe('chain-name-constraints');
  });
  it('chain-critical-extension: an unknown one, in leaf or issuer; a policy constraint', async () => {
    const unknown = extension('1.2.3.4', true, der.nothing());
    const own = [extendedKeyUsage(false, PURPOSE.clientAuth), unknown];
    const inLeaf = (await leafOf(middle, { extensions: own })).certificate;
    expect(faultOf(validate(inLeaf))).toBe('chain-critical-extension');
    expect(validate(inLeaf, { understood: ['1.2.3.4'] }).ok).toBe(true);
    for (const one of [unknown, extension(EXTENSION.policyConstraints, false, der.sequence())]) {
      const chain = await below({ extensions: [...CA, one] });
      expect(faultOf(validate(chain.certificate, { ...chain, understood: ['1.2.3.4'] }))).toBe(
        'chain-critical-extension',
      );
    }
  });
  it('chain-purpose: a leaf for something else or for nothing, an issuer for something else', async () => {
    const wrong = await leafOf(middle, { extensions: [extendedKeyUsage(true, PURPOSE.serverAuth, PURPOSE.any)] });
    expect(faultOf(validate(wrong.certificate))).toBe('chain-purpose');
    expect(faultOf(validate((await leafOf(middle, { extensions: [] })).certificate))).toBe('chain-purpose');
    expect(validate((await leafOf(middle, { extensions: [] })).certificate, { purpose: 'any' }).ok).toBe(true);
    const chain = await below({ extensions: [...CA, extendedKeyUsage(false, PURPOSE.serverAuth)] });
    expect(faultOf(validate(chain.certificate, chain))).toBe('chain-purpose');
    const wide = await below({ extensions: [...CA, extendedKeyUsage(false, PURPOSE.any)] });
    expect(validate(wide.certificate, wide).ok).toBe(true);
    expect(faultOf(validate(root.certificate))).toBe('chain-purpose');
  });
  it('chain-too-long: a path without end, and too many intermediates', async () => {
    let last = root;
    const intermediates: Certificate[] = [];
    for (let i = 0; i < 8; i++) {
      last = await make({ name: `level ${i}`, issuer: last });
      intermediates.push(last.certificate);
    }
    expect(faultOf(validate((await leafOf(last)).certificate, { intermediates }))).toBe('chain-too-long');
    const many = Array.from({ length: 513 }, () => middle.certificate);
    expect(faultOf(validate(leaf.certificate, { intermediates: many }))).toBe('chain-too-long');
  });
  it('chain-key-size: an issuer with an RSA key over 4096 bits, and no signature is tried with it', async () => {
    const modulus = Uint8Array.from({ length: 520 }, (_, i) => (i % 255) | 1);
    const publicKey = expectOk(nodeCrypto.publicKey({ type: 'rsa', modulus, exponent: 4294967295 }));
    const huge = { ...(await signingKey()), publicKey };
    const crowd = await Promise.all(Array.from({ length: 8 }, () => make({ name: 'middle', key: huge, issuer: root })));
    const { crypto, verified } = counted();
    const options = { roots: [root.certificate], at, purpose: 'any' };
    const intermediates = crowd.map((made) => made.certificate);
    expect(validatePath(crypto, leaf.certificate, { ...options, intermediates })).toMatchObject({
      fault: { code: 'chain-key-size' },
    });
    expect(verified()).toBe(0);
    // among others it is as if it were not there
    intermediates.push(middle.certificate);
    expect(validatePath(crypto, leaf.certificate, { ...options, intermediates }).ok).toBe(true);
    expect(verified()).toBe(2);
  });
  it('ends on certificates that issued each other, and after 8 signatures', async () => {
    const key = await signingKey();
    const [a, b] = [writeName({ CN: 'a' }), writeName({ CN: 'b' })];
    const one = await make({ name: 'a', issuerName: b, key });
    const two = await make({ name: 'b', issuerName: a, key });
    const certificate = (await leafOf(one)).certificate;
    const loop = validate(certificate, { intermediates: [one.certificate, two.certificate] });
    expect(faultOf(loop)).toBe('chain-untrusted');
    const { crypto, verified } = counted();
    const others = await Promise.all(Array.from({ length: 20 }, (_, n) => make({ name: `other ${n}` })));
    const crowd = await Promise.all(Array.from({ length: 60 }, () => make({ name: 'middle' })));
    const intermediates = [...others, ...crowd].map((made) => made.certificate);
    expect(
      validatePath(crypto, leaf.certificate, { intermediates, roots: [root.certificate], at, purpose: 'any' }).ok,
    ).toBe(false);
    expect(verified()).toBe(8);
  });
});

describe('the chain cache', () => {
  it('spares the signatures of issuers and nothing else', async () => {
    const { crypto, verified } = counted();
    const cache = new ChainCache();
    const run = (more: Partial<PathOptions> = {}) => {
      // parsed anew, as it comes with each request
      const intermediates = [expectOk(parseCertificate(middle.certificate.der))];
      const options = { intermediates, roots: [root.certificate], at, purpose: 'any', cache };
      return validatePath(crypto, leaf.certificate, { ...options, ...more });
    };
    expect(run().ok && verified()).toBe(2);
    expect(run().ok && verified()).toBe(3);
    expect(faultOf(run({ at: day('2031-01-01') }))).toBe('chain-expired');
    const twin = await make({ name: 'root' });
    expect(run({ roots: [] }).ok || run({ roots: [twin.certificate] }).ok).toBe(false);
    expect(cache.size).toBe(1);
  });
  it('takes in accepted paths only, and stays small', async () => {
    const cache = new ChainCache(2);
    expect(validate(leaf.certificate, { cache, roots: [(await make({ name: 'root' })).certificate] }).ok).toBe(false);
    expect(cache.size).toBe(0);
    for (let i = 0; i < 4; i++) {
      const chain = await below({ name: `other ${i}` });
      expect(validate(chain.certificate, { ...chain, cache }).ok).toBe(true);
    }
    expect(cache.size).toBe(2);
    expect(() => new ChainCache(0)).toThrow(RangeError);
  });
});
