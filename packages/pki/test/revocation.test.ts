import { generateKeyPairSync, sign } from 'node:crypto';
import { utf8 } from '@sekimori/bytes';
import { der } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  authorityKeyIdentifier,
  basicConstraints,
  checkRevocation,
  type Crl,
  crlAddressesOf,
  extension,
  EXTENSION,
  issuerAddressesOf,
  keyUsage,
  subjectKeyIdentifier,
  writeName,
} from '../src/index.ts';
import { counted } from './support/crypto.ts';
import { distributionPoint, issuingDistributionPoint, makeCrl, type WantedCrl } from './support/crls.ts';
import { day, type Made, make, signingKey } from './support/keys.ts';

const at = day('2027-01-01');
const SIGNS_CRLS = [basicConstraints(true), keyUsage('keyCertSign', 'cRLSign')];
const CRL_SIGNER = [basicConstraints(false), keyUsage('cRLSign')];
let root: Made;
let middle: Made;
let leaf: Made;
let rootCrl: Crl;
beforeAll(async () => {
  root = await make({ name: 'root', extensions: SIGNS_CRLS });
  middle = await make({ name: 'middle', issuer: root, extensions: SIGNS_CRLS });
  leaf = await make({ name: 'leaf', issuer: middle, extensions: [basicConstraints(false)] });
  rootCrl = await crlOf(root);
});

const crlOf = (signer: Made, more: Partial<WantedCrl> = {}) =>
  makeCrl({ issuer: signer.certificate.subject.der, key: signer.key, ...more });
const entryOf = ({ certificate }: Made) => ({ serial: certificate.serial });
type More = Partial<Parameters<typeof checkRevocation>[2]>;
const check = (crls: readonly Crl[], more: More = {}, chain = [leaf, middle, root]) =>
  checkRevocation(
    nodeCrypto,
    chain.map(({ certificate }) => certificate),
    { crls, intermediates: [], at, ...more },
  );
/** What is said of the leaf alone; the CRL for the certificate above is a good one. */
const leafSays = (crls: readonly Crl[], more: More = {}, chain = [leaf, middle, root]) => {
  const findings = check([...crls, rootCrl], more, chain);
  expect(findings.every(({ certificate }) => certificate !== middle.certificate)).toBe(true);
  return findings.map(({ code, cause }) => (cause ? `${code} ${cause.code}` : code));
};

describe('revocation along a path', () => {
  it('says nothing where current CRLs cover every certificate below the root', async () => {
    expect(check([rootCrl, await crlOf(middle)])).toEqual([]);
    expect(check([await crlOf(middle), rootCrl])).toEqual([]);
    expect(check([rootCrl, await crlOf(middle)], { missing: 'refuse', stale: 'refuse' })).toEqual([]);
    expect(check([], {}, [root])).toEqual([]);
    expect(checkRevocation(nodeCrypto, [], { crls: [], intermediates: [], at })).toEqual([]);
  });

  it('certificate-revoked: at each level, with date and reason, and it always refuses', async () => {
    const byMiddle = await crlOf(middle, { entries: [{ ...entryOf(leaf), reason: 1, at: day('2026-06-01') }] });
    expect(check([rootCrl, byMiddle])).toEqual([
      {
        code: 'certificate-revoked',
        refuses: true,
        certificate: leaf.certificate,
        detail: "'CN=leaf' was revoked by 'CN=middle' at 2026-06-01T00:00:00.000Z: keyCompromise",
      },
    ]);
    const byRoot = await crlOf(root, { entries: [entryOf(middle)] });
    expect(check([byRoot, await crlOf(middle)])).toMatchObject([
      { code: 'certificate-revoked', refuses: true, certificate: middle.certificate },
    ]);
  });

  it('certificate-revoked: also on hold, from a later date, on an old or future CRL, or on one about others', async () => {
    const entries = [entryOf(leaf)];
    for (const more of [
      { entries: [{ ...entryOf(leaf), reason: 6 }] },
      { entries: [{ ...entryOf(leaf), reason: 8 }] },
      { entries: [{ ...entryOf(leaf), at: day('2029-01-01') }] },
      { entries, to: day('2026-12-15') },
      { entries, from: day('2027-06-01') },
      { entries, extensions: [issuingDistributionPoint({ ca: true })] },
      { entries, extensions: [issuingDistributionPoint({ address: 'http://other.example' })] },
    ])
      expect(leafSays([await crlOf(middle, more)])).toEqual(['certificate-revoked']);
  });

  it('the newest CRL decides: a hold that was lifted, a revocation that came later', async () => {
    const entries = [{ ...entryOf(leaf), reason: 6 }];
    const [older, newer] = [day('2026-12-01'), day('2026-12-20')];
    const [held, lifted] = await Promise.all([crlOf(middle, { entries, from: older }), crlOf(middle, { from: newer })]);
    expect(leafSays([held, lifted])).toEqual([]);
    expect(leafSays([lifted, held])).toEqual([]);
    const [good, revoked] = await Promise.all([
      crlOf(middle, { from: older }),
      crlOf(middle, { entries, from: newer }),
    ]);
    expect(leafSays([good, revoked])).toEqual(['certificate-revoked']);
    expect(leafSays([revoked, good])).toEqual(['certificate-revoked']);
  });

  it('a serial number of another issuer does not revoke', async () => {
    const other = await make({ name: 'other', issuer: root, extensions: SIGNS_CRLS });
    const entries = [entryOf(leaf)];
    expect(leafSays([await crlOf(other, { entries }), await crlOf(middle)])).toEqual([]);
    const elsewhere = [{ ...entryOf(leaf), issuer: other.certificate.subject.der }];
    const indirect = await crlOf(middle, {
      entries: elsewhere,
      extensions: [issuingDistributionPoint({ indirect: true })],
    });
    expect(leafSays([indirect])).toEqual([]);
  });
});

describe('what is not decided', () => {
  it('revocation-unknown: no CRL, for each certificate; it refuses where the caller says so', () => {
    const expected = (refuses: boolean) =>
      [leaf, middle].map(({ certificate }) => ({ code: 'revocation-unknown', refuses, certificate }));
    expect(check([])).toMatchObject(expected(false));
    expect(check([], { missing: 'finding', stale: 'refuse' })).toMatchObject(expected(false));
    expect(check([], { missing: 'refuse' })).toMatchObject(expected(true));
  });

  it('revocation-stale: past its end, not yet begun, without an end, at no time; it refuses where the caller says so', async () => {
    const old = await crlOf(middle, { to: day('2026-12-15') });
    expect(leafSays([old])).toEqual(['revocation-stale']);
    expect(check([rootCrl, old], { missing: 'refuse' })).toMatchObject([{ refuses: false }]);
    expect(check([rootCrl, old], { stale: 'refuse' })).toMatchObject([{ refuses: true }]);
    expect(leafSays([await crlOf(middle, { from: day('2027-01-02') })])).toEqual(['revocation-stale']);
    expect(leafSays([await crlOf(middle, { to: null })])).toEqual(['revocation-stale']);
    expect(check([rootCrl, await crlOf(middle)], { at: new Date(Number.NaN) }).map(({ code }) => code)).toEqual([
      'revocation-stale',
      'revocation-stale',
    ]);
    expect(leafSays([old, await crlOf(middle)])).toEqual([]);
  });

  it('is judged to the second', async () => {
    const [from, to] = [day('2026-12-01'), day('2027-02-01')];
    const crls = [await crlOf(middle, { from, to })];
    for (const [time, expected] of [
      [from.getTime(), []],
      [from.getTime() - 1, ['revocation-stale', 'revocation-stale']],
      [to.getTime(), []],
      [to.getTime() + 1, ['revocation-stale']],
    ] as const)
      expect(check([...crls, rootCrl], { at: new Date(time) }).map(({ code }) => code)).toEqual(expected);
  });

  it('crl-signature: changed, or signed by somebody else with that name', async () => {
    const forger = await signingKey();
    expect(leafSays([await crlOf(middle, { key: forger })])).toEqual(['revocation-unknown crl-signature']);
    // neither does it revoke
    expect(leafSays([await crlOf(middle, { key: forger, entries: [entryOf(leaf)] })])).toEqual([
      'revocation-unknown crl-signature',
    ]);
    expect(leafSays([await crlOf(middle, { key: forger }), await crlOf(middle)])).toEqual([]);
  });

  it('crl-issuer: an issuer that may not sign CRLs; one without a key usage may', async () => {
    const mute = await make({ name: 'mute', issuer: root });
    const below = await make({ name: 'below', issuer: mute, extensions: [] });
    const chain = [below, mute, root];
    expect(leafSays([await crlOf(mute)], {}, chain)).toEqual(['revocation-unknown crl-issuer']);
    const plain = await make({ name: 'plain', issuer: root, extensions: [basicConstraints(true)] });
    const under = await make({ name: 'under', issuer: plain, extensions: [] });
    expect(leafSays([await crlOf(plain)], {}, [under, plain, root])).toEqual([]);
  });

  it('crl-issuer: a key identifier that is not that of the issuer', async () => {
    const own = await make({ name: 'own', issuer: root, extensions: [...SIGNS_CRLS, subjectKeyIdentifier(utf8('a'))] });
    const below = await make({ name: 'below', issuer: own, extensions: [] });
    const says = async (id: string) =>
      leafSays([await crlOf(own, { extensions: [authorityKeyIdentifier(utf8(id))] })], {}, [below, own, root]);
    expect(await says('a')).toEqual([]);
    expect(await says('b')).toEqual(['revocation-unknown crl-issuer']);
  });

  it('crl-weak-signature: SHA-1 clears nobody unless the caller lets it, and revokes all the same', async () => {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const spki = pair.publicKey.export({ type: 'spki', format: 'der' });
    const publicKey = expectOk(nodeCrypto.publicKey({ type: 'spki', der: spki }));
    const key = (hash: 'sha1' | 'sha256') => ({
      publicKey,
      algorithm: `rsassa-${hash}` as const,
      sign: async (data: Uint8Array) => new Uint8Array(sign(hash, data, pair.privateKey)),
    });
    const old = await make({ name: 'old', issuer: root, extensions: SIGNS_CRLS, key: key('sha256') });
    const below = await make({ name: 'below', issuer: old, extensions: [] });
    const chain = [below, old, root];
    const clean = await crlOf(old, { key: key('sha1') });
    const revoking = await crlOf(old, { key: key('sha1'), entries: [entryOf(below)] });
    expect(leafSays([clean], {}, chain)).toEqual(['revocation-unknown crl-weak-signature']);
    expect(leafSays([clean], { weakSignatures: 'finding' }, chain)).toEqual([]);
    expect(leafSays([revoking], {}, chain)).toEqual(['certificate-revoked']);
  });

  it('crl-scope: only CAs, only users, only attribute certificates', async () => {
    const only = (flag: 'user' | 'ca' | 'attribute') => ({ extensions: [issuingDistributionPoint({ [flag]: true })] });
    expect(leafSays([await crlOf(middle, only('ca'))])).toEqual(['revocation-unknown crl-scope']);
    expect(leafSays([await crlOf(middle, only('attribute'))])).toEqual(['revocation-unknown crl-scope']);
    expect(leafSays([await crlOf(middle, only('user'))])).toEqual([]);
    const codes = (flag: 'user' | 'ca') =>
      crlOf(root, only(flag)).then((crl) => check([crl]).map(({ certificate }) => certificate));
    expect(await codes('user')).toEqual([leaf.certificate, middle.certificate]);
    expect(await codes('ca')).toEqual([leaf.certificate]);
  });

  it('crl-scope: CRLs of several distribution points, of which each certificate names one', async () => {
    const pointing = await make({
      name: 'pointing',
      issuer: middle,
      extensions: [distributionPoint({ address: 'http://crl.example/1' })],
    });
    const chain = [pointing, middle, root];
    const part = (address: string) => crlOf(middle, { extensions: [issuingDistributionPoint({ address })] });
    expect(leafSays([await part('http://crl.example/2')], {}, chain)).toEqual(['revocation-unknown crl-scope']);
    expect(leafSays([await part('http://crl.example/1')], {}, chain)).toEqual([]);
    expect(leafSays([await crlOf(middle)], {}, chain)).toEqual([]);
    expect(leafSays([await part('http://crl.example/1')])).toEqual(['revocation-unknown crl-scope']);
  });

  it('crl-scope: a distribution point that asks for an indirect CRL is not served by another', async () => {
    const address = 'http://crl.example/1';
    const crlIssuer = middle.certificate.subject.der;
    const asking = await make({
      name: 'asking',
      issuer: middle,
      extensions: [distributionPoint({ address, crlIssuer })],
    });
    const part = (indirect: boolean) =>
      crlOf(middle, { extensions: [issuingDistributionPoint({ address, indirect })] });
    expect(leafSays([await part(false)], {}, [asking, middle, root])).toEqual(['revocation-unknown crl-scope']);
    expect(leafSays([await part(true)], {}, [asking, middle, root])).toEqual([]);
  });

  it('CRLs for some reasons decide together only', async () => {
    const some = (...bits: [number, number]) =>
      crlOf(middle, { extensions: [issuingDistributionPoint({ reasons: Uint8Array.of(7, ...bits) })] });
    // keyCompromise and cACompromise; the six others
    const [first, rest] = await Promise.all([some(0x60, 0), some(0x1f, 0x80)]);
    expect(leafSays([first])).toEqual(['revocation-unknown']);
    expect(leafSays([rest])).toEqual(['revocation-unknown']);
    expect(leafSays([first, rest])).toEqual([]);
    const stale = await crlOf(middle, { to: day('2026-12-15') });
    expect(leafSays([first, stale])).toEqual(['revocation-stale']);
    const limited = await make({
      name: 'limited',
      issuer: middle,
      extensions: [distributionPoint({ address: 'http://a.example', reasons: Uint8Array.of(7, 0x60, 0) })],
    });
    const scoped = await crlOf(middle, { extensions: [issuingDistributionPoint({ address: 'http://a.example' })] });
    expect(leafSays([scoped], {}, [limited, middle, root])).toEqual(['revocation-unknown']);
  });
});

describe('a CRL that somebody else signs', () => {
  /** As Intel's on-die CAs have it: one CRL for the CAs of all chips, signed by the CA above them. */
  async function onDie(
    scope = issuingDistributionPoint({ indirect: true }),
    crlIssuer = middle.certificate.subject.der,
  ) {
    const chip = await make({ name: 'CSME PTT 01SVN', issuer: middle, extensions: SIGNS_CRLS });
    const ek = await make({
      name: 'ek',
      issuer: chip,
      extensions: [distributionPoint({ address: 'https://crl.example/Indirect.crl', crlIssuer })],
    });
    const indirect = (entries: WantedCrl['entries'] = []) => crlOf(middle, { entries, extensions: [scope] });
    return { chip, ek, chain: [ek, chip, middle, root], indirect };
  }

  it('decides where the distribution point names its issuer, for the certificate issuer in its entries', async () => {
    const { chip, ek, chain, indirect } = await onDie();
    const chipName = chip.certificate.subject.der;
    expect(leafSays([await indirect()], {}, chain)).toEqual([]);
    expect(leafSays([await indirect([{ ...entryOf(ek), issuer: chipName, reason: 1 }])], {}, chain)).toEqual([
      'certificate-revoked',
    ]);
    // without a certificate issuer the entry is about one of the CRL issuer's own
    expect(leafSays([await indirect([entryOf(ek)])], {}, chain)).toEqual([]);
    const sticky = [{ serial: '01', issuer: chipName }, entryOf(ek)];
    expect(leafSays([await indirect(sticky)], {}, chain)).toEqual(['certificate-revoked']);
  });

  it('does not decide where it is not indirect, or nobody named its issuer', async () => {
    const direct = await onDie(issuingDistributionPoint({ user: false }));
    expect(leafSays([await direct.indirect()], {}, direct.chain)).toEqual(['revocation-unknown']);
    const other = await onDie(undefined, writeName({ CN: 'somebody else' }));
    expect(leafSays([await other.indirect()], {}, other.chain)).toEqual(['revocation-unknown']);
  });

  /** A CRL issuer beside the path. */
  async function beside(issuer: Made, extensions: readonly Uint8Array[] = CRL_SIGNER, to = day('2030-01-01')) {
    const signer = await make({ name: 'CRL signer', issuer, extensions, to });
    const made = await onDie(undefined, signer.certificate.subject.der);
    const crl = await crlOf(signer, { extensions: [issuingDistributionPoint({ indirect: true })] });
    // of what the CA in the middle issued: the chip's CA and the signer
    return { ...made, signer, crl, ofMiddle: await crlOf(middle) };
  }

  it('may be beside the path, with a path to the same root', async () => {
    const { chain, signer, crl, ofMiddle } = await beside(middle);
    const issuers = [signer.certificate];
    expect(leafSays([crl, ofMiddle], { issuers }, chain)).toEqual([]);
    expect(leafSays([crl, ofMiddle], { intermediates: issuers }, chain)).toEqual([]);
    expect(leafSays([crl, ofMiddle], { issuersOf: () => issuers }, chain)).toEqual([]);
    expect(leafSays([crl, ofMiddle], {}, chain)).toEqual(['revocation-unknown crl-issuer']);
  });

  it('crl-issuer: under another root, without leave to sign CRLs, expired', async () => {
    const stranger = await make({ name: 'root', extensions: SIGNS_CRLS });
    const cases = [
      await beside(stranger),
      await beside(middle, [basicConstraints(false)]),
      await beside(middle, [basicConstraints(false), keyUsage('digitalSignature')]),
      await beside(middle, CRL_SIGNER, day('2026-12-01')),
    ];
    for (const { chain, signer, crl, ofMiddle } of cases)
      expect(leafSays([crl, ofMiddle], { issuers: [signer.certificate] }, chain)).toEqual([
        'revocation-unknown crl-issuer',
      ]);
  });

  it('crl-issuer-revoked: its own certificate stands on a CRL', async () => {
    const { chain, signer, crl } = await beside(middle);
    const ofMiddle = await crlOf(middle, { entries: [entryOf(signer)] });
    expect(leafSays([crl, ofMiddle], { issuers: [signer.certificate] }, chain)).toEqual([
      'certificate-revoked',
      'revocation-unknown crl-issuer-revoked',
    ]);
  });

  it('and is not decided on itself: a finding about the CRL issuer', async () => {
    const { chain, signer, crl } = await beside(root);
    const [finding, ...others] = check([crl, await crlOf(middle)], { issuers: [signer.certificate] }, chain);
    expect(finding).toMatchObject({ code: 'revocation-unknown', certificate: signer.certificate });
    expect(others).toMatchObject([{ code: 'revocation-unknown', certificate: middle.certificate }]);
  });

  it('cannot vouch for the certificate of its own signer', async () => {
    const name = writeName({ CN: 'CRL signer' });
    const signer = await make({
      name: 'CRL signer',
      issuer: middle,
      extensions: [...CRL_SIGNER, distributionPoint({ crlIssuer: name })],
    });
    const { chain } = await onDie(undefined, name);
    const crl = await crlOf(signer, { extensions: [issuingDistributionPoint({ indirect: true })] });
    const findings = check([crl, rootCrl], { issuers: [signer.certificate] }, chain);
    expect(findings.find(({ certificate }) => certificate === signer.certificate)).toMatchObject({
      code: 'revocation-unknown',
      cause: { code: 'crl-issuer' },
    });
  });
});

describe('a CRL of somebody who has no say', () => {
  it('a CA below that took the name of the one above', async () => {
    const evil = await make({ name: 'evil', issuer: root, extensions: SIGNS_CRLS });
    const namesake = await make({ name: 'root', issuer: evil, extensions: SIGNS_CRLS });
    const below = await make({ name: 'below', issuer: namesake, extensions: [] });
    const chain = [below, namesake, evil, root];
    const [revoking, clearing] = [
      await crlOf(root, { entries: [entryOf(evil)] }),
      await crlOf(namesake, { from: day('2026-12-20') }),
    ];
    // the forged one is newer; on evil it has no say, on what is below its signer it has
    expect(
      check([clearing, revoking], {}, chain).map(({ code, certificate }) => [code, certificate.subject.text]),
    ).toEqual([
      ['revocation-unknown', 'CN=root'],
      ['certificate-revoked', 'CN=evil'],
    ]);
    expect(check([clearing], {}, chain)).toMatchObject([
      { certificate: namesake.certificate },
      { certificate: evil.certificate, code: 'revocation-unknown', cause: { code: 'crl-signature' } },
    ]);
    const issuers = [namesake.certificate];
    expect(check([clearing], { issuers }, chain).map(({ certificate }) => certificate)).toContain(evil.certificate);
  });

  it('a signer that the certificate itself issued, under the name of its issuer or of its distribution point', async () => {
    const crlIssuer = writeName({ CN: 'signer' });
    const evil = await make({
      name: 'evil',
      issuer: root,
      extensions: [...SIGNS_CRLS, distributionPoint({ crlIssuer })],
    });
    const below = await make({ name: 'below', issuer: evil, extensions: [] });
    const named = await make({ name: 'signer', issuer: evil, extensions: CRL_SIGNER });
    const rooted = await make({ name: 'root', issuer: evil, extensions: CRL_SIGNER });
    const indirect = await crlOf(named, { extensions: [issuingDistributionPoint({ indirect: true })] });
    const direct = await crlOf(rooted);
    const issuers = [named.certificate, rooted.certificate];
    for (const crl of [indirect, direct])
      expect(
        check([crl, await crlOf(evil)], { issuers }, [below, evil, root]).filter(
          ({ certificate }) => certificate === evil.certificate,
        ),
      ).toMatchObject([{ code: 'revocation-unknown', cause: { code: 'crl-issuer' } }]);
  });

  it('two CRL issuers that vouch for each other', async () => {
    const [a, b] = [writeName({ CN: 'a' }), writeName({ CN: 'b' })];
    const pointing = (crlIssuer: Uint8Array) => [...CRL_SIGNER, distributionPoint({ crlIssuer })];
    const first = await make({ name: 'a', issuer: root, extensions: pointing(b) });
    const second = await make({ name: 'b', issuer: root, extensions: pointing(a) });
    const ek = await make({ name: 'ek', issuer: root, extensions: [distributionPoint({ crlIssuer: a })] });
    const scope = { extensions: [issuingDistributionPoint({ indirect: true })] };
    const crls = [await crlOf(first, scope), await crlOf(second, scope)];
    const findings = check(crls, { issuers: [first.certificate, second.certificate] }, [ek, root]);
    expect(findings.map(({ code, certificate }) => [code, certificate.subject.text])).toContainEqual([
      'revocation-unknown',
      'CN=b',
    ]);
    expect(check([...crls, rootCrl], { issuers: [first.certificate, second.certificate] }, [ek, root])).toEqual([]);
  });
});

describe('bounds', () => {
  /** In the name of the CA in the middle, each dated after the one before. */
  const forged = async (count: number, more: Partial<WantedCrl> = {}) => {
    const key = await signingKey();
    const after = day('2026-12-05').getTime();
    return await Promise.all(
      Array.from({ length: count }, (_, n) => crlOf(middle, { key, from: new Date(after + 1000 * n), ...more })),
    );
  };
  const tooMany = { code: 'revocation-unknown', refuses: true, cause: { code: 'crl-too-many' } };

  it('tries 16 signatures for each certificate, whatever was sent; what was not tried refuses', async () => {
    const { crypto, verified } = counted();
    const chain = [leaf, middle, root].map(({ certificate }) => certificate);
    const crls = [...(await forged(60)), rootCrl];
    const findings = checkRevocation(crypto, chain, { crls, intermediates: [], at });
    // and one for the CRL of the root, which decides on the CA in the middle
    expect(verified()).toBe(17);
    expect(findings).toMatchObject([{ ...tooMany, certificate: leaf.certificate }]);
    expect(findings).toHaveLength(1);
  });

  it('a revocation behind forged CRLs is found, or the certificate is refused', async () => {
    const revoking = await crlOf(middle, { entries: [entryOf(leaf)] });
    const many = await forged(17);
    expect(check([revoking, rootCrl, ...many.slice(0, 15)])).toMatchObject([{ code: 'certificate-revoked' }]);
    expect(check([revoking, rootCrl, ...many.slice(0, 16)])).toMatchObject([tooMany]);
    expect(check([revoking, rootCrl, ...many], { missing: 'finding', stale: 'finding' })).toMatchObject([tooMany]);
    // a stranger may write any key identifier
    const id = utf8('a');
    const own = await make({ name: 'middle', issuer: root, extensions: [...SIGNS_CRLS, subjectKeyIdentifier(id)] });
    const below = await make({ name: 'below', issuer: own, extensions: [] });
    const crls = await forged(17, { extensions: [authorityKeyIdentifier(id)] });
    const genuine = await crlOf(own, { entries: [entryOf(below)] });
    expect(check([genuine, rootCrl, ...crls], {}, [below, own, root])).toMatchObject([tooMany]);
  });

  it('nor does an older CRL clear it, which was tried for another certificate', async () => {
    // the CRL issuer's certificate is judged first, by the old CRL: what is only about users does not concern a CA
    const beside = await make({ name: 'beside', issuer: middle, extensions: SIGNS_CRLS });
    const crlIssuer = beside.certificate.subject.der;
    const ek = await make({ name: 'ek', issuer: middle, extensions: [distributionPoint({ crlIssuer })] });
    const some = issuingDistributionPoint({ reasons: Uint8Array.of(7, 0x60, 0), indirect: true });
    const ofBeside = await crlOf(beside, { from: day('2026-12-25'), extensions: [some] });
    const users = { extensions: [issuingDistributionPoint({ user: true })] };
    const old = await crlOf(middle, { from: day('2026-12-02') });
    const revoking = await crlOf(middle, { ...users, from: day('2026-12-04'), entries: [entryOf(ek)] });
    const says = (...crls: readonly Crl[]) =>
      check([ofBeside, old, rootCrl, ...crls], { issuers: [beside.certificate] }, [ek, middle, root]);
    expect(says()).toEqual([]);
    expect(says(revoking)).toMatchObject([{ code: 'certificate-revoked', certificate: ek.certificate }]);
    expect(says(revoking, ...(await forged(17, users)))).toMatchObject([{ ...tooMany, certificate: ek.certificate }]);
  });

  it('what is sent about one certificate takes nothing from another', async () => {
    const byRoot = await crlOf(root, { entries: [entryOf(middle)] });
    expect(check([...(await forged(60)), byRoot])).toMatchObject([
      { ...tooMany, certificate: leaf.certificate },
      { code: 'certificate-revoked', certificate: middle.certificate },
    ]);
  });

  it('searches 4 paths to CRL issuers', async () => {
    const stranger = await make({ name: 'stranger', extensions: SIGNS_CRLS });
    const crlIssuer = writeName({ CN: 'many' });
    const ek = await make({ name: 'ek', issuer: middle, extensions: [distributionPoint({ crlIssuer })] });
    const scope = issuingDistributionPoint({ indirect: true });
    const made = await Promise.all(
      Array.from({ length: 12 }, async (_, n) => {
        const id = Uint8Array.of(n);
        const extensions = [...CRL_SIGNER, subjectKeyIdentifier(id)];
        const signer = await make({ name: 'many', issuer: stranger, extensions });
        return { signer, crl: await crlOf(signer, { extensions: [scope, authorityKeyIdentifier(id)] }) };
      }),
    );
    const { crypto, verified } = counted();
    const issuers = [...made.map(({ signer }) => signer.certificate), stranger.certificate];
    const chain = [ek, middle, root].map(({ certificate }) => certificate);
    const crls = made.map(({ crl }) => crl);
    const findings = checkRevocation(crypto, chain, { crls, issuers, intermediates: [], at });
    expect(findings[0]).toMatchObject({ ...tooMany, certificate: ek.certificate });
    // each of 12 CRLs is signed by its issuer, and 4 of these by the stranger
    expect(verified()).toBe(16);
  });

  /** An indirect CRL that revokes, and certificates of strangers with the name of its signer, or of who issued that one. */
  async function crowded(name: 'signer' | 'above') {
    const above = await make({ name: 'above', issuer: root, extensions: SIGNS_CRLS });
    const signer = await make({ name: 'signer', issuer: above, extensions: CRL_SIGNER });
    const crlIssuer = signer.certificate.subject.der;
    const ek = await make({ name: 'ek', issuer: middle, extensions: [distributionPoint({ crlIssuer })] });
    const entries = [{ ...entryOf(ek), issuer: middle.certificate.subject.der }];
    const crl = await crlOf(signer, { entries, extensions: [issuingDistributionPoint({ indirect: true })] });
    const stranger = await make({ name: 'stranger' });
    const namesakes = await Promise.all(
      Array.from({ length: 16 }, () => make({ name, issuer: stranger, extensions: SIGNS_CRLS })),
    );
    const findings = (more: More) => check([crl, rootCrl], more, [ek, middle, root]);
    const own = [signer.certificate, above.certificate];
    return { ek, own, others: namesakes.map(({ certificate }) => certificate), findings };
  }

  it.each(['signer', 'above'] as const)('certificates of strangers, named as the %s', async (name) => {
    const { ek, own, others, findings } = await crowded(name);
    const revoked = { code: 'certificate-revoked', certificate: ek.certificate };
    expect(findings({ issuers: own })).toContainEqual(expect.objectContaining(revoked));
    // what may be from the other side has its turn after our own
    for (const more of [
      { issuersOf: () => own, intermediates: others },
      { issuersOf: () => own, issuers: others },
      { issuers: own, intermediates: others },
    ])
      expect(findings(more)).toContainEqual(expect.objectContaining(revoked));
    expect(findings({ intermediates: [...others, ...own] })).toMatchObject([
      { ...tooMany, certificate: ek.certificate },
    ]);
  });

  it('asks CRL issuers about CRL issuers twice', async () => {
    const named = (n: number) => distributionPoint({ crlIssuer: writeName({ CN: `signer ${n}` }) });
    const signers = await Promise.all(
      [0, 1, 2, 3].map((n) => make({ name: `signer ${n}`, issuer: root, extensions: [...CRL_SIGNER, named(n + 1)] })),
    );
    const scope = { extensions: [issuingDistributionPoint({ indirect: true })] };
    const crls = await Promise.all(signers.map((signer) => crlOf(signer, scope)));
    const ek = await make({ name: 'ek', issuer: root, extensions: [named(0)] });
    const issuers = signers.map(({ certificate }) => certificate);
    // what is known of the third one's certificate would be on the word of a fourth
    expect(check(crls, { issuers }, [ek, root])).toMatchObject([
      { code: 'revocation-unknown', refuses: false, certificate: issuers[1], cause: { code: 'crl-too-deep' } },
    ]);
  });

  it('tries no signature with an RSA key over 4096 bits', async () => {
    const modulus = Uint8Array.from({ length: 520 }, (_, i) => (i % 255) | 1);
    const publicKey = expectOk(nodeCrypto.publicKey({ type: 'rsa', modulus, exponent: 65537 }));
    const key = { ...(await signingKey()), publicKey };
    const huge = await make({ name: 'huge', issuer: root, key, extensions: CRL_SIGNER });
    const crlIssuer = huge.certificate.subject.der;
    const ek = await make({ name: 'ek', issuer: root, extensions: [distributionPoint({ crlIssuer })] });
    const crl = await crlOf(huge, { extensions: [issuingDistributionPoint({ indirect: true })] });
    const { crypto, verified } = counted();
    const chain = [ek.certificate, root.certificate];
    const issuers = [huge.certificate];
    expect(checkRevocation(crypto, chain, { crls: [crl], issuers, intermediates: [], at })).toMatchObject([
      { code: 'revocation-unknown', cause: { code: 'crl-issuer' } },
    ]);
    expect(verified()).toBe(0);
  });

  it('checks the signature of a CRL once, for however many certificates', async () => {
    const { crypto, verified } = counted();
    const crl = await crlOf(middle);
    const chain = [leaf, middle, root].map(({ certificate }) => certificate);
    for (let i = 0; i < 5; i++)
      expect(checkRevocation(crypto, chain, { crls: [crl, rootCrl], intermediates: [], at })).toEqual([]);
    expect(verified()).toBe(2);
  });
});

describe('where CRLs and issuers are fetched from', () => {
  it('is told as it is written in the certificate', async () => {
    const access = extension(
      EXTENSION.authorityInformationAccess,
      false,
      der.sequence(
        ...(
          [
            ['1.3.6.1.5.5.7.48.1', 'http://ocsp.example'],
            ['1.3.6.1.5.5.7.48.2', 'http://ca.example/ca.cer'],
          ] as const
        ).map(([method, address]) => der.sequence(der.oid(method), der.element(0x86, utf8(address)))),
      ),
    );
    const point = distributionPoint({ address: 'http://crl.example/a.crl' });
    const { certificate } = await make({ extensions: [access, point] });
    expect(crlAddressesOf(certificate)).toEqual(['http://crl.example/a.crl']);
    expect(issuerAddressesOf(certificate)).toEqual(['http://ca.example/ca.cer']);
    expect([crlAddressesOf(leaf.certificate), issuerAddressesOf(leaf.certificate)]).toEqual([[], []]);
    const broken = [EXTENSION.authorityInformationAccess, EXTENSION.crlDistributionPoints].map((oid) =>
      extension(oid, false, der.sequence(der.nothing())),
    );
    const odd = (await make({ extensions: broken })).certificate;
    expect([crlAddressesOf(odd), issuerAddressesOf(odd)]).toEqual([[], []]);
  });
});
