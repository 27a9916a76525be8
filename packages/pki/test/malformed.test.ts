import { readFileSync } from 'node:fs';
import { concat } from '@sekimori/bytes';
import { der } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import fuzzCertificate from '../fuzz/certificate.ts';
import fuzzPem from '../fuzz/pem.ts';
import {
  basicConstraints,
  EXTENSION,
  extension,
  type Certificate,
  certificateFromNv,
  certificatesFromPem,
  keyUsage,
  parseCertificate,
  verifySignature,
  writePem,
} from '../src/index.ts';
import { make } from './support/keys.ts';

const ek = new Uint8Array(readFileSync(new URL('vectors/swtpm/ek-rsa2048.crt', import.meta.url)));
const [issuer] = expectOk(
  certificatesFromPem(readFileSync(new URL('vectors/swtpm/ek-issuer.pem', import.meta.url), 'utf8')),
) as [Certificate];
const malformed = { ok: false, fault: { code: 'certificate-malformed' } };

describe('malformed certificates', () => {
  it('refuses every truncation, and a byte too many', () => {
    for (let length = 0; length < ek.length; length++)
      expect(parseCertificate(ek.subarray(0, length))).toMatchObject(malformed);
    expect(parseCertificate(concat(ek, Uint8Array.of(0)))).toMatchObject(malformed);
  });

  it('gives a fault or a certificate that does not verify for every flipped bit', () => {
    const key = expectOk(issuer.publicKey(nodeCrypto));
    const changed = Uint8Array.from(ek);
    for (let at = 0; at < ek.length; at++)
      for (const mask of [0x01, 0x20, 0x80, 0xff]) {
        changed[at]! ^= mask;
        const read = parseCertificate(changed);
        if (read.ok) expect(verifySignature(nodeCrypto, read.value, key)).toBe(false);
        fuzzCertificate(changed);
        changed[at]! ^= mask;
      }
  });

  it('refuses more than 64 KiB before reading', () => {
    expect(parseCertificate(new Uint8Array(64 * 1024 + 1))).toMatchObject(malformed);
  });

  const withExtensions = (...extensions: Uint8Array[]) => make({ extensions });
  const bad: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['an extension that stands there twice', [keyUsage('cRLSign'), keyUsage('keyCertSign')]],
    [
      'a boolean that is neither 00 nor ff',
      [extension(EXTENSION.basicConstraints, true, Uint8Array.of(0x30, 3, 1, 1, 1))],
    ],
    ['bytes after the basic constraints', [extension(EXTENSION.basicConstraints, true, Uint8Array.of(0x30, 0, 5, 0))]],
    ['a key usage of no bits', [extension(EXTENSION.keyUsage, true, Uint8Array.of(3, 0))]],
    ['an empty list of purposes', [extension(EXTENSION.extendedKeyUsage, true, der.sequence())]],
    [
      'a host name with a zero byte',
      [
        extension(
          EXTENSION.subjectAlternativeName,
          false,
          der.sequence(der.element(0x82, Uint8Array.of(0x61, 0, 0x62))),
        ),
      ],
    ],
    [
      'an address of five bytes',
      [extension(EXTENSION.subjectAlternativeName, false, der.sequence(der.element(0x87, new Uint8Array(5))))],
    ],
    [
      'a path length that does not fit',
      [extension(EXTENSION.basicConstraints, true, der.sequence(der.boolean(true), der.integer(1n << 70n)))],
    ],
  ];
  it.each(bad)('refuses %s', async (_, extensions) => {
    await expect(withExtensions(...extensions)).rejects.toThrow('certificate-malformed');
  });

  it('refuses a signed algorithm that is not the outer one', async () => {
    const { certificate } = await make({});
    const other = Uint8Array.from(certificate.der);
    const ecdsaSha256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    const at = other.findLastIndex((_, i) => ecdsaSha256.every((byte, j) => other[i + j] === byte));
    other[at + 7] = 3;
    expect(parseCertificate(other)).toMatchObject({ ok: false, fault: { at: 'tbsCertificate.signature' } });
  });

  it('accepts the explicit default cA FALSE, which some vendors write', async () => {
    const explicit = extension(EXTENSION.basicConstraints, true, der.sequence(der.boolean(false)));
    expect((await withExtensions(explicit)).certificate.extensions.basicConstraints).toEqual({ ca: false });
    expect((await withExtensions(basicConstraints(false))).certificate.extensions.basicConstraints).toEqual({
      ca: false,
    });
  });
});

describe('what an NV index holds', () => {
  const header = (length: number) => Uint8Array.of(0x10, 0x01, 0x00, length >> 8, length & 0xff);
  const full = Uint8Array.of(0x10, 0x02);

  it.each([
    ['the bare certificate', ek],
    ['padding of 00', concat(ek, new Uint8Array(300))],
    ['padding of ff', concat(ek, new Uint8Array(300).fill(0xff))],
    ['a TCG header', concat(header(ek.length), ek)],
    ['both TCG headers and padding', concat(header(ek.length + 2), full, ek, new Uint8Array(9))],
  ])('finds the certificate in %s', (_, nv) => expect(certificateFromNv(nv)).toEqual({ ok: true, value: ek }));

  it('refuses what is no padding, and lengths that lie', () => {
    expect(certificateFromNv(concat(ek, Uint8Array.of(0, 1)))).toMatchObject(malformed);
    expect(certificateFromNv(concat(header(ek.length + 1), ek))).toMatchObject(malformed);
    const nv = concat(header(ek.length + 2), full, ek);
    for (let length = 0; length < nv.length; length++)
      expect(certificateFromNv(nv.subarray(0, length))).toMatchObject(malformed);
  });
});

describe('PEM', () => {
  const pem = writePem('CERTIFICATE', ek);

  it('comes back, also with text around it and with CRLF', () => {
    for (const text of [pem, `# a comment\n\n${pem}`, pem.replaceAll('\n', '\r\n'), pem + pem])
      expect(expectOk(certificatesFromPem(text))[0]!.der).toEqual(ek);
    expect(expectOk(certificatesFromPem(pem + pem))).toHaveLength(2);
  });

  it.each([
    ['nothing', ''],
    ['no end', pem.slice(0, -30)],
    ['another end', pem.replace('END CERTIFICATE', 'END X509 CRL')],
    ['an end without a beginning', '-----END CERTIFICATE-----\n'],
    ['a beginning inside', pem.replace('\n', '\n-----BEGIN CERTIFICATE-----\n')],
    ['a blank line inside', pem.replace('\n', '\n\n')],
    ['a header inside', pem.replace('\n', '\nProc-Type: 4,ENCRYPTED\n')],
    ['a long line', writePem('CERTIFICATE', ek).replaceAll(/\n(?=[^-])/g, '')],
    ['no base64', pem.replace('M', '*')],
    ['a private key among certificates', pem + writePem('PRIVATE KEY', ek)],
    ['an empty block', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'],
  ])('refuses %s', (_, text) =>
    expect(certificatesFromPem(text)).toMatchObject({ ok: false, fault: { code: 'pem-malformed' } }),
  );

  it('never throws on a changed or cut text', () => {
    const bytes = new TextEncoder().encode(pem);
    for (let at = 0; at < bytes.length; at++) {
      fuzzPem(bytes.subarray(0, at));
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 0x15;
      fuzzPem(changed);
    }
  });
});
