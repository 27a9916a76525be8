import { concat, toBase64Url } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { createSoftwareTpm, createVendorCa } from '@sekimori/software-tpm';
import { Tpm, TPM_RH, TPMA_NV, TPMS_NV_PUBLIC } from '@sekimori/tpm2';
import { expect, it } from 'vitest';
import { platformIdentifier } from '../src/index.ts';

const NONE = new Uint8Array(0);

it('the platform identifier has the chain in NV, also over several indices, after what the configuration names', async () => {
  const vendorCa = await createVendorCa(crypto, new Date(0));
  const other = (await createVendorCa(crypto, new Date(0))).certificate.der;
  const tpm = new Tpm(createSoftwareTpm({ crypto, vendorCa }).transport, crypto);
  const { der } = vendorCa.certificate;
  for (const [nvIndex, bytes] of [
    [0x01c00100, der.subarray(0, 100)],
    [0x01c00101, concat(der.subarray(100), Uint8Array.of(0xff, 0xff))],
    [0x01c00103, Uint8Array.of(1, 2, 3)],
    [0x01c00104, concat(Uint8Array.of(0x10, 0x01, 0x00, other.length >> 8, other.length & 0xff), other)],
  ] as const) {
    const attributes = TPMA_NV.of('ownerRead', 'ownerWrite', 'authRead');
    const value = { nvIndex, nameAlg: 'sha256', attributes, authPolicy: NONE, dataSize: bytes.length } as const;
    const publicInfo = { value, bytes: encode(TPMS_NV_PUBLIC, value) };
    const [authHandle, parameters] = [TPM_RH.owner, { auth: NONE, publicInfo }];
    expectOk(await tpm.run('NV_DefineSpace', { handles: { authHandle }, parameters }));
    expectOk(await tpm.run('NV_Write', { handles: { authHandle, nvIndex }, parameters: { data: bytes, offset: 0 } }));
  }
  const named = Uint8Array.of(0x30, 0x00);
  const { intermediates } = expectOk(await platformIdentifier(tpm, { name: 'node-a', intermediates: [named] }));
  expect(intermediates).toEqual([named, der, other].map(toBase64Url));
});
