import { toHex } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { checkEndorsementCertificate, parseCertificate } from '@sekimori/pki';
import { openEndorsementKey, publicKeyOf } from '@sekimori/tpm2';
import { describe, expect, it } from 'vitest';
import { createVendorCa, MANUFACTURER } from '../src/index.ts';
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
