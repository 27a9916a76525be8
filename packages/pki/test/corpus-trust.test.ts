import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  certificateFromNv,
  certificatesFromPem,
  examineEndorsementCertificate,
  parseCertificate,
  TrustStore,
} from '../src/index.ts';

// Bundles of vendors' certificates and EK certificates of real TPMs, read in place; corpora are not part of this repository.
const corpus = process.env['SEKIMORI_CORPUS'] ?? fileURLToPath(new URL('../../../../shared/corpus', import.meta.url));
const present = existsSync(join(corpus, 'loicsikidi+tpm-ca-certificates'));
if (!present) console.log('skipped: no corpus (set SEKIMORI_CORPUS to its folder)');

const read = (...path: string[]) => new Uint8Array(readFileSync(join(corpus, ...path)));
const CURATED = 'loicsikidi+tpm-ca-certificates';
const FOLDERS = [
  ['kgoldman+ibmtss', 'utils', 'certificates'],
  ['keylime+keylime', 'tpm_cert_store'],
] as const;
const at = new Date('2026-06-01');

function curated(): TrustStore {
  const store = new TrustStore(nodeCrypto);
  store.add(read(CURATED, 'MIRROR.tpm-ca-certificates.pem'), { provenance: 'roots', kind: 'root', at });
  store.add(read(CURATED, 'MIRROR.tpm-intermediate-ca-certificates.pem'), { provenance: 'intermediates', at });
  return store;
}
function folder(store: TrustStore, path: readonly string[]): TrustStore {
  for (const name of readdirSync(join(corpus, ...path))) store.add(read(...path, name), { provenance: name, at });
  return store;
}
const countOf = (store: TrustStore) => [store.size, store.roots.length];
const codesOf = (store: TrustStore) => {
  const counts: Record<string, number> = {};
  for (const { code } of store.findings) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
};

describe.skipIf(!present)('bundles of TPM vendors in the corpora', () => {
  it('the curated one: 26 roots, of which 3 did not sign themselves, and 143 intermediates', () => {
    const store = curated();
    expect(countOf(store)).toEqual([169, 26]);
    expect(codesOf(store)).toEqual({ 'trust-software-vendor': 2 });
    const byThemselves = new TrustStore(nodeCrypto);
    byThemselves.add(read(CURATED, 'MIRROR.tpm-ca-certificates.pem'), { provenance: 'roots' });
    expect(countOf(byThemselves)).toEqual([26, 23]);
  });

  it('has every root whose fingerprint its list tells', () => {
    const list = new TextDecoder().decode(read(CURATED, '.tpm-roots.yaml'));
    const told = [...list.matchAll(/sha256: "([0-9A-F:]+)"/g)].map(([, text]) =>
      text!.replaceAll(':', '').toLowerCase(),
    );
    expect(told).toHaveLength(18);
    const store = curated();
    for (const fingerprint of told) expect(store.find(fingerprint)?.kind).toBe('root');
  });

  it.each(['MIRROR.tpm-ca-certificates.pem', 'MIRROR.tpm-intermediate-ca-certificates.pem'])(
    'finds the vendor that the comments of %s name',
    (name) => {
      const text = new TextDecoder().decode(read(CURATED, name));
      const owners = [...text.matchAll(/^# Owner: (\w+)[\s\S]*?(-----BEGIN[\s\S]*?-----END CERTIFICATE-----)/gm)];
      expect(owners.length).toBeGreaterThan(20);
      for (const [, owner, pem] of owners) {
        const store = new TrustStore(nodeCrypto);
        store.add(pem!, { provenance: name });
        const named = new TrustStore(nodeCrypto);
        named.add(pem!, { provenance: name, vendor: owner! });
        expect(store.entries[0]?.vendor, pem).toBe(named.entries[0]?.vendor);
        expect(store.entries[0]?.vendor).toBeDefined();
      }
    },
  );

  it('of ibmtss and keylime: what openssl counts in them, and what is wrong with it', () => {
    const [ibm, keylime] = FOLDERS.map((path) => folder(new TrustStore(nodeCrypto), path));
    expect([countOf(ibm!), countOf(keylime!)]).toEqual([
      [62, 21],
      [45, 11],
    ]);
    // the CAs of IBM's software TPM are there; Infineon's for TPM 1.2 are signed with SHA-1, and one has ended
    expect(codesOf(ibm!)).toEqual({ 'trust-weak-signature': 19, 'trust-expired': 1, 'trust-software-vendor': 2 });
    expect(codesOf(keylime!)).toEqual({ 'trust-weak-signature': 18, 'trust-expired': 2, 'trust-vendor': 1 });
  });

  it('all together are 212 certificates with 34 roots that signed themselves', () => {
    const store = new TrustStore(nodeCrypto);
    store.add(read(CURATED, 'MIRROR.tpm-ca-certificates.pem'), { provenance: 'roots' });
    store.add(read(CURATED, 'MIRROR.tpm-intermediate-ca-certificates.pem'), { provenance: 'intermediates' });
    for (const path of FOLDERS) folder(store, path);
    expect(countOf(store)).toEqual([212, 34]);
  });
});

describe.skipIf(!present)('EK certificates in the corpora, with a trust store', () => {
  const everything = () => FOLDERS.reduce(folder, curated());
  const hirs = ['nsacyber+HIRS', 'HIRS_AttestationCA', 'src', 'test', 'resources', 'certificates'];
  const examine = (nv: Uint8Array, weakSignatures: 'refuse' | 'finding' = 'refuse') => {
    const certificate = expectOk(parseCertificate(expectOk(certificateFromNv(nv))));
    return examineEndorsementCertificate(nodeCrypto, certificate, {
      ...everything().trust(),
      intermediates: [],
      at: new Date('2020-01-01'),
      weakSignatures,
    });
  };
  const said = ({ findings }: ReturnType<typeof examine>) =>
    findings
      .filter(({ code }) => code !== 'revocation-unknown')
      .map(({ severity, code, cause }) => `${severity} ${cause?.code ?? code}`);

  it.each(['nuc-1/ek_cert_untouched.cer', 'nuc-1/ek_cert_7_byte_header_removed.cer'])(
    '%s: of TPM 1.2, with a path to a root that vouches for STMicroelectronics',
    (name) => {
      const read12 = examine(read(...hirs, name), 'finding');
      expect(read12.chain.map(({ subject }) => subject.values('2.5.4.3')[0])).toEqual([
        undefined,
        'STM TPM EK Intermediate CA 02',
        'STM TPM EK Root CA',
      ]);
      expect(said(read12).filter((text) => text.startsWith('refuses'))).toEqual(['refuses ek-certificate-key-usage']);
    },
  );

  it('ek_cert_with_security_assertions.cer: what its maker asserts', () => {
    const found = examine(read(...hirs, 'ek_cert_with_security_assertions.cer'));
    expect(found.specification).toEqual({ family: '1.2', level: 2, revision: 3 });
    // as openssl asn1parse shows them
    expect(found.securityAssertions).toMatchObject({
      fieldUpgradable: true,
      ekGenerationType: 'injected',
      ekGenerationLocation: 'tpmManufacturer',
      ekCertificateGenerationLocation: 'tpmManufacturer',
      fips: undefined,
      iso9000Certified: true,
    });
    expect(found.tpm).toEqual({ manufacturer: '49465800', model: 'SLB9635TT1.2', version: 'id:0313' });
    expect(said(found)).toEqual([
      'refuses ek-certificate-purpose',
      'refuses ek-certificate-key-usage',
      'refuses chain-weak-signature',
      'refuses chain-weak-signature',
      'refuses chain-weak-signature',
    ]);
  });

  it('ek_cert_with_padded_bytes.cer: no root of its is in the corpora', () => {
    expect(said(examine(read(...hirs, 'ek_cert_with_padded_bytes.cer')))).toEqual([
      'refuses ek-certificate-key-usage',
      'refuses chain-untrusted',
    ]);
  });

  it.each(['uca_tpm_rsa_enc_cert.pem', 'uca_tpm_ecc_enc_cert.pem'])(
    '%s: a virtual TPM of Google, of no root here',
    (name) => {
      const text = new TextDecoder().decode(read('google+go-tpm-tools', 'internal', 'test', 'certificates', name));
      const [certificate] = expectOk(certificatesFromPem(text));
      const found = examine(certificate!.der);
      expect(said(found)).toEqual(['refuses chain-untrusted', 'warns ek-certificate-software-tpm']);
    },
  );
});
