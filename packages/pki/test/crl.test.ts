import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { utf8 } from '@sekimori/bytes';
import { der } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Certificate,
  certificatesFromPem,
  checkRevocation,
  EXTENSION,
  extension,
  issueCrl,
  issueServerCa,
  issueTlsServerCertificate,
  keyUsage,
  MAX_CRL_BYTES,
  parseCrl,
  readPem,
  writeName,
  writePem,
} from '../src/index.ts';
import { certificateIssuer, issuingDistributionPoint, makeCrl, type WantedCrl, writeCrl } from './support/crls.ts';
import { day, type Made, make, signingKey } from './support/keys.ts';
import { hasOpenssl, openssl } from './support/openssl.ts';

let ca: Made;
let issuer: Uint8Array;
beforeAll(async () => {
  ca = await make({ name: 'CRL issuer' });
  issuer = ca.certificate.subject.der;
});
const write = (more: Partial<WantedCrl> = {}) => writeCrl({ issuer, key: ca.key, ...more });
const codeOf = async (more: Partial<WantedCrl>) => {
  const read = parseCrl(await write(more));
  return read.ok ? 'ok' : read.fault.code;
};
const named = (CN: string, serial = '01') => {
  const subject = writeName({ CN });
  return make({ name: 'x', issuerName: subject }).then(({ certificate }) => ({ serial, issuer: certificate.issuer }));
};

describe('a CRL', () => {
  it('tells who wrote it, when, and whom it revokes', async () => {
    const crl = await makeCrl({
      issuer,
      key: ca.key,
      entries: [
        { serial: '0abc', reason: 1, at: day('2026-05-01') },
        { serial: '80', extensions: [extension(EXTENSION.invalidityDate, false, time('20260401000000Z'))] },
      ],
      extensions: [extension(EXTENSION.crlNumber, false, der.integer(7)), authorityKeyIdentifier(Uint8Array.of(1, 2))],
    });
    expect(crl.issuer.text).toBe('CN=CRL issuer');
    expect([crl.version, crl.thisUpdate, crl.nextUpdate]).toEqual([2, day('2026-12-01'), day('2028-01-01')]);
    expect(crl.extensions.authorityKeyIdentifier).toEqual(Uint8Array.of(1, 2));
    expect(crl.entries.size).toBe(2);
    expect([...crl.entries]).toMatchObject([
      { serial: '0abc', revokedAt: day('2026-05-01'), reason: 'keyCompromise', invalidSince: undefined },
      { serial: '80', reason: 'unspecified', invalidSince: day('2026-04-01') },
    ]);
    expect(crl.entries.find({ serial: '0abc', issuer: crl.issuer })).toMatchObject({ reason: 'keyCompromise' });
    expect(crl.entries.find({ serial: '0abd', issuer: crl.issuer })).toBeUndefined();
    expect(crl.entries.find({ serial: 'no hex', issuer: crl.issuer })).toBeUndefined();
    expect(crl.isSignedBy(nodeCrypto, ca.key.publicKey)).toBe(true);
    expect(crl.isSignedBy(nodeCrypto, (await make({})).key.publicKey)).toBe(false);
  });

  it('may be empty, of version 1, or without an end', async () => {
    expect((await makeCrl({ issuer, key: ca.key })).entries.size).toBe(0);
    const first = await makeCrl({ issuer, key: ca.key, version: 1, entries: [{ serial: '05' }], to: null });
    expect([first.version, first.nextUpdate, [...first.entries].length]).toEqual([1, undefined, 1]);
  });

  it('finds every one of many serial numbers, of all lengths, in any order', async () => {
    const serials = Array.from({ length: 500 }, (_, i) => {
      const hex = (((i + 1) * 7919) % 100_003).toString(16);
      return (hex.length % 2 ? `0${hex}` : hex) + (i % 3 === 0 ? '00ff' : '');
    });
    const crl = await makeCrl({ issuer, key: ca.key, entries: serials.map((serial) => ({ serial })) });
    for (const serial of serials) expect(crl.entries.find({ serial, issuer: crl.issuer })?.serial).toBe(serial);
    expect(crl.entries.find({ serial: 'ffffffffff', issuer: crl.issuer })).toBeUndefined();
  });

  it('keeps its own copy of the bytes', async () => {
    const bytes = Uint8Array.from(await write({ entries: [{ serial: '0abc' }] }));
    const crl = expectOk(parseCrl(bytes));
    bytes.fill(0);
    expect(crl.entries.find({ serial: '0abc', issuer: crl.issuer })).toBeDefined();
    expect(crl.isSignedBy(nodeCrypto, ca.key.publicKey)).toBe(true);
  });

  it('that is indirect: an issuer holds from its entry on, RFC 5280 section 5.3.3', async () => {
    const [first, second] = [writeName({ CN: 'first' }), writeName({ CN: 'second' })];
    const crl = await makeCrl({
      issuer,
      key: ca.key,
      extensions: [issuingDistributionPoint({ indirect: true })],
      entries: [
        { serial: '01' },
        { serial: '02', issuer: first },
        { serial: '01', reason: 5 },
        { serial: '01', issuer: second, reason: 4 },
      ],
    });
    expect([...crl.entries].map((entry) => entry.certificateIssuer.text)).toEqual([
      'CN=CRL issuer',
      'CN=first',
      'CN=first',
      'CN=second',
    ]);
    expect(crl.entries.find({ serial: '01', issuer: crl.issuer })?.reason).toBe('unspecified');
    expect(crl.entries.find(await named('first'))?.reason).toBe('cessationOfOperation');
    expect(crl.entries.find(await named('FIRST '))?.reason).toBe('cessationOfOperation');
    expect(crl.entries.find(await named('second'))?.reason).toBe('superseded');
    expect(crl.entries.find(await named('third'))).toBeUndefined();
    expect(crl.entries.find(await named('second', '02'))).toBeUndefined();
  });

  it.each(['user', 'ca', 'attribute', 'indirect'] as const)('tells its scope: %s', async (flag) => {
    const { scope } = await makeCrl({ issuer, key: ca.key, extensions: [issuingDistributionPoint({ [flag]: true })] });
    expect([
      scope.onlyUserCertificates,
      scope.onlyCaCertificates,
      scope.onlyAttributeCertificates,
      scope.indirect,
    ]).toEqual([flag === 'user', flag === 'ca', flag === 'attribute', flag === 'indirect']);
  });

  it('tells the reasons and the distribution point it is limited to', async () => {
    const limits = issuingDistributionPoint({ address: 'http://crl.example/1', reasons: Uint8Array.of(5, 0x60) });
    const { scope } = await makeCrl({ issuer, key: ca.key, extensions: [limits] });
    expect(scope.onlySomeReasons).toBe(0b110);
    expect(scope.names).toEqual([{ type: 'uri', value: 'http://crl.example/1' }]);
  });
});

describe('refused CRLs', () => {
  const critical = extension('1.2.3.4', true, der.nothing());
  it('crl-unsupported: a delta CRL, critical or not; an unknown critical extension, also of an entry', async () => {
    for (const isCritical of [true, false])
      expect(await codeOf({ extensions: [extension(EXTENSION.deltaCrlIndicator, isCritical, der.integer(1))] })).toBe(
        'crl-unsupported',
      );
    expect(await codeOf({ extensions: [critical] })).toBe('crl-unsupported');
    expect(await codeOf({ entries: [{ serial: '01', extensions: [critical] }] })).toBe('crl-unsupported');
    const relative = der.tagged(0, der.tagged(1, der.sequence(der.oid('2.5.4.3'), der.utf8String('x'))));
    const point = extension(EXTENSION.issuingDistributionPoint, true, der.sequence(relative));
    expect(await codeOf({ extensions: [point] })).toBe('crl-unsupported');
    const harmless = extension('1.2.3.4', false, der.nothing());
    expect(await codeOf({ extensions: [harmless], entries: [{ serial: '01', extensions: [harmless] }] })).toBe('ok');
  });

  it('crl-malformed: extensions in version 1, an issuer in an entry of a CRL that is not indirect', async () => {
    expect(await codeOf({ version: 1, extensions: [critical] })).toBe('crl-malformed');
    expect(await codeOf({ version: 1, entries: [{ serial: '01', reason: 1 }] })).toBe('crl-malformed');
    expect(await codeOf({ entries: [{ serial: '01', issuer }] })).toBe('crl-malformed');
  });

  it('crl-malformed: a reason that is none, an issuer without a directory name or with two', async () => {
    for (const reason of [7, 11, 255])
      expect(await codeOf({ entries: [{ serial: '01', reason }] })).toBe('crl-malformed');
    const indirect = [issuingDistributionPoint({ indirect: true })];
    const directory = der.tagged(4, issuer);
    for (const names of [[der.element(0x82, utf8('a'))], [directory, directory]]) {
      const wrong = extension(EXTENSION.certificateIssuer, true, der.sequence(...names));
      expect(await codeOf({ extensions: indirect, entries: [{ serial: '01', extensions: [wrong] }] })).toBe(
        'crl-malformed',
      );
    }
    const twice = [certificateIssuer(issuer), certificateIssuer(issuer)];
    expect(await codeOf({ extensions: indirect, entries: [{ serial: '01', extensions: twice }] })).toBe(
      'crl-malformed',
    );
  });

  it('crl-malformed: a certificate, nothing, more than 8 MiB', () => {
    for (const bytes of [ca.certificate.der, new Uint8Array(0)])
      expect(parseCrl(bytes)).toMatchObject({ ok: false, fault: { code: 'crl-malformed' } });
    expect(parseCrl(new Uint8Array(MAX_CRL_BYTES + 1))).toMatchObject({
      fault: { code: 'crl-malformed', detail: expect.stringMatching(/at most/) },
    });
  });

  it('crl-malformed: PEM, and the detail says what to do', async () => {
    const pem = writePem('X509 CRL', await write());
    expect(parseCrl(utf8(pem))).toMatchObject({
      fault: { code: 'crl-malformed', detail: 'it is PEM: readPem gives the DER in it' },
    });
    const [block] = expectOk(readPem(pem));
    expect(parseCrl(block!.der).ok).toBe(true);
  });

  it('crl-malformed: a signed algorithm that is not the outer one', async () => {
    const bytes = Uint8Array.from(await write());
    const oid = der.oid('1.2.840.10045.4.3.2');
    const outer = bytes.findLastIndex((_, i) => oid.every((byte, j) => bytes[i + j] === byte));
    bytes[outer + oid.length - 1] = 3;
    expect(parseCrl(bytes)).toMatchObject({ fault: { code: 'crl-malformed', at: 'tbsCertList.signature' } });
  });
});

describe('issuing a CRL', () => {
  const content = { thisUpdate: day('2026-05-01'), nextUpdate: day('2026-07-01'), number: 1, revoked: [] };
  it('takes no issuer that may not, no times that cannot be, and no serial number that is none', async () => {
    const usages = [basicConstraints(true), keyUsage('keyCertSign', 'cRLSign')];
    const authority = await make({ name: 'a', extensions: usages });
    await expect(issueCrl(nodeCrypto, { ...content, issuer: ca })).rejects.toThrow(/cRLSign/);
    const backwards = { ...content, issuer: authority, nextUpdate: day('2026-01-01') };
    await expect(issueCrl(nodeCrypto, backwards)).rejects.toThrow(RangeError);
    const revoked = [{ serial: 'x', revokedAt: day('2026-01-01'), reason: 'unspecified' as const }];
    await expect(issueCrl(nodeCrypto, { ...content, issuer: authority, revoked })).rejects.toThrow(RangeError);
    expect((await issueCrl(nodeCrypto, { ...content, issuer: authority })).entries.size).toBe(0);
  });
});

describe.skipIf(!hasOpenssl)('against openssl', () => {
  const config = `
[ca]
default_ca = it
[it]
database = index.txt
crlnumber = crlnumber
default_md = sha256
default_crl_days = 30
certificate = ca.pem
private_key = ca.key
serial = serial
new_certs_dir = .
policy = any
crl_extensions = crl_ext
[any]
commonName = supplied
[crl_ext]
authorityKeyIdentifier = keyid
[req]
distinguished_name = dn
[dn]
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = CA:FALSE
`;
  let folder = '';
  let leaves: readonly Certificate[] = [];
  let root: Certificate;
  const run = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sekimori-crl-'));
    for (const [name, text] of [
      ['c.cnf', config],
      ['index.txt', ''],
      ['crlnumber', '01\n'],
      ['serial', '0F00\n'],
    ] as const)
      writeFileSync(join(folder, name), text);
    const request = ['req', '-config', 'c.cnf', '-newkey', 'rsa:2048', '-nodes', '-sha256'];
    run(
      ...request,
      '-x509',
      '-days',
      '300',
      '-subj',
      '/CN=root',
      '-extensions',
      'root',
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
    );
    const one = (name: string) => {
      run(...request, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
      run(
        'ca',
        '-batch',
        '-config',
        'c.cnf',
        '-extensions',
        'leaf',
        '-days',
        '200',
        '-in',
        `${name}.csr`,
        '-out',
        `${name}.pem`,
      );
      return certificateIn(`${name}.pem`);
    };
    root = certificateIn('ca.pem');
    leaves = [one('good'), one('bad'), one('held')];
    run('ca', '-config', 'c.cnf', '-revoke', 'bad.pem', '-crl_reason', 'keyCompromise');
    run('ca', '-config', 'c.cnf', '-revoke', 'held.pem', '-crl_hold', 'holdInstructionReject');
    run('ca', '-config', 'c.cnf', '-gencrl', '-out', 'crl.pem');
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const certificateIn = (name: string) => {
    const text = readFileSync(join(folder, name), 'utf8');
    return expectOk(certificatesFromPem(text.slice(text.indexOf('-----BEGIN'))))[0] as Certificate;
  };

  it('reads what openssl ca -gencrl writes, and judges as it was told', () => {
    const [block] = expectOk(readPem(readFileSync(join(folder, 'crl.pem'), 'utf8')));
    expect(block?.label).toBe('X509 CRL');
    const crl = expectOk(parseCrl(block!.der));
    const [good, bad, held] = leaves as [Certificate, Certificate, Certificate];
    const at = new Date(crl.thisUpdate.getTime() + 1000);
    const verdict = (leaf: Certificate) =>
      checkRevocation(nodeCrypto, [leaf, root], { crls: [crl], intermediates: [], at }).map(({ code }) => code);
    expect([verdict(good), verdict(bad), verdict(held)]).toEqual([
      [],
      ['certificate-revoked'],
      ['certificate-revoked'],
    ]);
    expect(crl.entries.find(bad)?.reason).toBe('keyCompromise');
    expect(crl.entries.find(held)?.reason).toBe('certificateHold');
  });

  it('issues what openssl crl -verify accepts, and openssl verify -crl_check heeds', async () => {
    const key = await signingKey({ type: 'ec', curve: 'P-384' });
    const life = { notBefore: day('2026-01-01'), notAfter: day('2040-01-01') };
    const certificate = await issueServerCa(nodeCrypto, { ...life, subject: writeName({ CN: 'a CA' }), key });
    const authority = { certificate, key };
    const { publicKey } = await signingKey();
    const names = { subject: writeName({ CN: 'a' }), publicKey, issuer: authority, dns: ['a.example'], ip: [] };
    const [kept, gone] = await Promise.all(
      [1, 2].map(() => issueTlsServerCertificate(nodeCrypto, { ...life, ...names })),
    );
    const revoked = [
      { serial: gone!.serial, revokedAt: day('2026-02-01'), reason: 'cessationOfOperation' },
      { serial: '0102', revokedAt: day('2026-03-01'), reason: 'unspecified' },
    ] as const;
    const [thisUpdate, nextUpdate] = [day('2026-05-01'), day('2026-07-01')];
    const crl = await issueCrl(nodeCrypto, { issuer: authority, thisUpdate, nextUpdate, number: 300, revoked });
    expect([...crl.entries]).toMatchObject(revoked);
    const files = {
      'crl.pem': writePem('X509 CRL', crl.der),
      'ca.pem': writePem('CERTIFICATE', certificate.der),
      'kept.pem': writePem('CERTIFICATE', kept!.der),
      'gone.pem': writePem('CERTIFICATE', gone!.der),
    };
    const text = openssl(['crl', '-in', 'crl.pem', '-noout', '-text', '-verify', '-CAfile', 'ca.pem'], files);
    expect(text).toMatch(/X509v3 CRL Number:\s*300[\s\S]*Cessation Of Operation/);
    const at = String(day('2026-06-01').getTime() / 1000);
    const verify = ['verify', '-attime', at, '-crl_check', '-CRLfile', 'crl.pem', '-CAfile', 'ca.pem'];
    expect(openssl([...verify, 'kept.pem'], files)).toContain('kept.pem: OK');
    expect(() => openssl([...verify, 'gone.pem'], files)).toThrow(/certificate revoked/);
    const says = (leaf: Certificate) =>
      checkRevocation(nodeCrypto, [leaf, certificate], { crls: [crl], intermediates: [], at: day('2026-06-01') });
    expect([says(kept!), says(gone!).map(({ code }) => code)]).toEqual([[], ['certificate-revoked']]);
  });

  it('writes, with the test writer, what openssl crl -verify accepts', async () => {
    const extensions = [
      issuingDistributionPoint({ indirect: true }),
      extension(EXTENSION.crlNumber, false, der.integer(1)),
    ];
    const entries = [{ serial: '0abc', reason: 1, issuer: writeName({ CN: 'on-die CA' }) }, { serial: '02' }];
    const text = openssl(['crl', '-in', 'crl.pem', '-noout', '-text', '-verify', '-CAfile', 'ca.pem'], {
      'crl.pem': writePem('X509 CRL', await write({ extensions, entries })),
      'ca.pem': writePem('CERTIFICATE', ca.certificate.der),
    });
    expect(text).toMatch(/Indirect CRL[\s\S]*Serial Number: 0ABC[\s\S]*CN\s?=\s?on-die CA[\s\S]*Serial Number: 02/);
  });
});

function time(text: string): Uint8Array {
  return der.element(der.TAG.generalizedTime, utf8(text));
}
