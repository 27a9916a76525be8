import { concat } from '@sekimori/bytes';
import { der } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { beforeAll, describe, expect, it } from 'vitest';
import fuzzCrl from '../fuzz/crl.ts';
import fuzzTrustStore from '../fuzz/trust-store.ts';
import {
  basicConstraints,
  type Certificate,
  checkRevocation,
  EXTENSION,
  extension,
  keyUsage,
  parseCrl,
  TrustStore,
  writeName,
  writePem,
} from '../src/index.ts';
import { counted } from './support/crypto.ts';
import { issuingDistributionPoint, writeCrl } from './support/crls.ts';
import { day, type Made, make } from './support/keys.ts';

let root: Made;
let leaf: Certificate;
let crl: Uint8Array;
beforeAll(async () => {
  root = await make({ name: 'root', extensions: [basicConstraints(true), keyUsage('keyCertSign', 'cRLSign')] });
  leaf = (await make({ name: 'leaf', issuer: root, extensions: [] })).certificate;
  crl = await writeCrl({
    issuer: root.certificate.subject.der,
    key: root.key,
    entries: [
      { serial: '0abc', reason: 1 },
      { serial: '02', issuer: writeName({ CN: 'chip' }) },
      { serial: leaf.serial, issuer: root.certificate.subject.der },
    ],
    extensions: [
      issuingDistributionPoint({ address: 'http://crl.example', indirect: true, reasons: Uint8Array.of(0, 0xff) }),
      extension(EXTENSION.crlNumber, false, der.integer(7)),
    ],
  });
});
const judge = (bytes: Uint8Array) => {
  const read = parseCrl(bytes);
  if (!read.ok) return [read.fault.code];
  const options = { crls: [read.value], intermediates: [], at: day('2027-01-01') };
  return checkRevocation(nodeCrypto, [leaf, root.certificate], options).map(({ code }) => code);
};

describe('malformed CRLs', () => {
  it('the good one revokes', () => {
    expect(judge(crl)).toEqual(['certificate-revoked']);
    fuzzCrl(crl);
  });

  it('refuses every truncation, and a byte too many', () => {
    for (let length = 0; length < crl.length; length++) {
      expect(judge(crl.subarray(0, length))).toEqual(['crl-malformed']);
      fuzzCrl(crl.subarray(0, length));
    }
    expect(judge(concat(crl, Uint8Array.of(0)))).toEqual(['crl-malformed']);
  });

  it('gives a fault or a CRL that is not believed for every changed byte', () => {
    const changed = Uint8Array.from(crl);
    for (let at = 0; at < crl.length; at++)
      for (const mask of [0x01, 0x15, 0x80, 0xff]) {
        changed[at]! ^= mask;
        const [code, ...others] = judge(changed);
        expect(['crl-malformed', 'crl-unsupported', 'revocation-unknown']).toContain(code);
        expect(others).toEqual([]);
        fuzzCrl(changed);
        changed[at]! ^= mask;
      }
  });

  it('reads lengths that lie without taking memory for them', () => {
    for (const lie of [
      [0x30, 0x82, 0xff, 0xff],
      [0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
      [0x30, 0x80],
    ])
      expect(judge(concat(Uint8Array.from(lie), crl.subarray(4)))).toEqual(['crl-malformed']);
  });
});

describe('malformed bundles', () => {
  const bundle = () =>
    `# vendor\n${writePem('CERTIFICATE', root.certificate.der)}\n${writePem('CERTIFICATE', leaf.der)}`;

  it('never throw, cut off anywhere or with each byte changed, and cost a signature for each certificate at most', () => {
    const bytes = new TextEncoder().encode(bundle());
    const { crypto, verified } = counted();
    const add = (file: Uint8Array) => {
      const before = verified();
      const store = new TrustStore(crypto);
      const findings = store.add(file, { provenance: 'here', vendor: 'IFX' });
      expect(verified() - before).toBeLessThanOrEqual(3);
      // what is in it that was not in the good one is not trusted as a root
      expect(store.roots.every((found) => found.fingerprint(crypto) === root.certificate.fingerprint(crypto))).toBe(
        true,
      );
      expect(findings.length + store.size).toBeGreaterThan(0);
      fuzzTrustStore(file);
    };
    for (let at = 0; at <= bytes.length; at++) {
      add(bytes.subarray(0, at));
      if (at === bytes.length) continue;
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 0x15;
      add(changed);
    }
  });

  it('never throw for one certificate in DER', () => {
    const changed = Uint8Array.from(root.certificate.der);
    for (let at = 0; at < changed.length; at++) {
      fuzzTrustStore(changed.subarray(0, at));
      changed[at]! ^= 0x15;
      fuzzTrustStore(changed);
      const store = new TrustStore(nodeCrypto);
      store.add(changed, { provenance: 'here' });
      expect(store.roots).toEqual([]);
      changed[at]! ^= 0x15;
    }
  });
});
