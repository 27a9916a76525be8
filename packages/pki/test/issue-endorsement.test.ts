import type { PublicKey } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type CertificateAuthority,
  checkEndorsementCertificate,
  EXTENSION,
  issueEndorsementAuthority,
  issueEndorsementCertificate,
  issueTlsServerCertificate,
  NO_EXPIRY,
  writeName,
  writePem,
} from '../src/index.ts';
import { day, signingKey } from './support/keys.ts';
import { hasOpenssl, openssl } from './support/openssl.ts';

const life = { notBefore: day('2026-01-01'), notAfter: NO_EXPIRY };
const at = day('2026-06-01');
const TPM = { manufacturer: '00001014', model: 'swtpm', version: 'id:20191023' };

let authority: CertificateAuthority;
const keys = new Map<string, PublicKey>();
beforeAll(async () => {
  const key = await signingKey();
  const subject = writeName({ OU: 'virtual TPMs', CN: 'owner' });
  authority = { key, certificate: await issueEndorsementAuthority(nodeCrypto, { ...life, subject, key }) };
  keys.set('RSA', (await nodeCrypto.generateKey({ type: 'rsa', bits: 2048 })).publicKey);
  keys.set('P-384', (await nodeCrypto.generateKey({ type: 'ec', curve: 'P-384' })).publicKey);
});
const issue = (kind: string, subject?: Uint8Array) =>
  issueEndorsementCertificate(nodeCrypto, {
    ...life,
    publicKey: keys.get(kind)!,
    tpm: TPM,
    issuer: authority,
    ...(subject && { subject }),
  });

describe.each(['RSA', 'P-384'])('an endorsement certificate for a key of %s', (kind) => {
  it.each([
    ['without a subject', undefined, true],
    ['with a subject', writeName({ CN: 'vm' }), false],
  ])('%s passes the profile and names its TPM', async (_, subject, critical) => {
    const certificate = await issue(kind, subject);
    const checked = checkEndorsementCertificate(nodeCrypto, certificate, {
      intermediates: [],
      roots: [authority.certificate],
      at,
    });
    expect(expectOk(checked).tpm).toEqual(TPM);
    expect(certificate.extensions.all.get(EXTENSION.subjectAlternativeName)?.critical).toBe(critical);
  });

  it.skipIf(!hasOpenssl)('passes openssl, strictly too', async () => {
    const [ca, leaf] = [authority.certificate, await issue(kind)].map(({ der }) => writePem('CERTIFICATE', der));
    const said = openssl(['verify', '-x509_strict', '-CAfile', 'ca.pem', 'leaf.pem'], {
      'ca.pem': ca!,
      'leaf.pem': leaf!,
    });
    expect(said).toContain('leaf.pem: OK');
  });
});

it.skipIf(!hasOpenssl)('the authority vouches for no TLS server, wherever somebody trusts it', async () => {
  const certificate = await issueTlsServerCertificate(nodeCrypto, {
    subject: writeName({ CN: 'hgs.example' }),
    ...life,
    publicKey: keys.get('P-384')!,
    issuer: authority,
    dns: ['hgs.example'],
    ip: [],
  });
  const [ca, leaf] = [authority.certificate, certificate].map(({ der }) => writePem('CERTIFICATE', der));
  const args = ['verify', '-purpose', 'sslserver', '-CAfile', 'ca.pem', 'leaf.pem'];
  expect(() => openssl(args, { 'ca.pem': ca!, 'leaf.pem': leaf! })).toThrow(
    /unsuitable certificate purpose|unsupported/,
  );
});

it('a manufacturer that is no vendor id is a bug', async () => {
  const tpm = { ...TPM, manufacturer: 'IBM' };
  const made = issueEndorsementCertificate(nodeCrypto, {
    ...life,
    publicKey: keys.get('RSA')!,
    tpm,
    issuer: authority,
  });
  await expect(made).rejects.toThrow(RangeError);
});
