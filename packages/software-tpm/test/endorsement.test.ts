import { toHex } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { checkEndorsementCertificate, parseCertificate } from '@sekimori/pki';
import {
  createPrimary,
  openEndorsementKey,
  publicArea,
  publicKeyOf,
  readNv,
  readPublic,
  TPM_RH,
  type TpmtPublic,
} from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { createVendorCa, MANUFACTURER, type RsaKeySource } from '../src/index.ts';
import { AT, crypto, softwareTpm } from './tpms.ts';

describe.each(['rsa-2048', 'ecc-p384'] as const)('the %s endorsement key', (kind) => {
  it('has a certificate of the profile, from its vendor', async () => {
    const vendorCa = await createVendorCa(crypto, AT);
    const ek = expectOk(await openEndorsementKey(softwareTpm({ vendorCa }).tpm, kind));
    const certificate = expectOk(parseCertificate(ek.certificate));
    const roots = [vendorCa.certificate];
    const checked = expectOk(checkEndorsementCertificate(crypto, certificate, { roots, intermediates: [], at: AT }));
    expect(checked.findings.map(({ code }) => code)).toEqual(['revocation-unknown', 'ek-certificate-software-tpm']);
    expect(checked.tpm.manufacturer).toBe(MANUFACTURER.toString(16));
    expect(toHex(checked.publicKey.spki)).toBe(toHex(expectOk(publicKeyOf(crypto, ek.publicArea)).spki));
  });

  it('has none without a vendor', async () => {
    const found = await openEndorsementKey(softwareTpm().tpm, kind);
    expect(found).toMatchObject({ fault: { response: { name: 'TPM_RC_HANDLE' } } });
  });
});

describe('a TPM with all the keys it can have', () => {
  it.each([
    ['L-1', 0x02, 'sha256', 2048],
    ['L-2', 0x0a, 'sha256', 256],
    ['H-1', 0x12, 'sha256', 2048],
    ['H-2', 0x14, 'sha256', 256],
    ['H-3', 0x16, 'sha384', 384],
    ['H-4', 0x18, 'sha512', 521],
    ['H-6', 0x1c, 'sha384', 3072],
    ['H-7', 0x1e, 'sha384', 4096],
  ] as const)('has %s with a certificate of the profile, and makes it anew', async (kind, low, nameAlg, bits) => {
    const vendorCa = await createVendorCa(crypto, AT);
    const rsaKey: RsaKeySource = (size) => crypto.generateKey({ type: 'rsa', bits: size });
    const { tpm } = softwareTpm({ vendorCa, endorsementKeys: [kind], rsaKey });
    const key = expectOk(await readPublic(tpm, 0x81010000 + (kind === 'L-1' ? 1 : low)));
    const publicKey = expectOk(publicKeyOf(crypto, key.publicArea));
    expect([key.publicArea.value.nameAlg, publicKey.bits]).toEqual([nameAlg, bits]);
    const certificate = expectOk(parseCertificate(expectOk(await readNv(tpm, 0x01c00000 + low))));
    const roots = [vendorCa.certificate];
    const checked = expectOk(checkEndorsementCertificate(crypto, certificate, { roots, intermediates: [], at: AT }));
    expect(checked.findings.map(({ code }) => code)).toEqual(['revocation-unknown', 'ek-certificate-software-tpm']);
    expect(toHex(checked.publicKey.spki)).toBe(toHex(publicKey.spki));
    const { value } = key.publicArea;
    // low-range templates have zeros there
    const width = kind.startsWith('H') ? 0 : value.type === 'rsa' ? 256 : 32;
    const zeros = new Uint8Array(width);
    const unique: TpmtPublic['unique'] =
      value.type === 'rsa' ? { is: 'rsa', value: zeros } : { is: 'ecc', value: { x: zeros, y: zeros } };
    const again = expectOk(await createPrimary(tpm, TPM_RH.endorsement, publicArea({ ...value, unique })));
    expect(toHex(again.name)).toBe(toHex(key.name));
  });
});
