import { toHex } from '@sekimori/bytes';
import { decode } from '@sekimori/codec';
import { expectOk } from '@sekimori/result';
import { createAttestationKey, quote, TPMS_ATTEST } from '@sekimori/tpm2';
import { expect, it } from 'vitest';
import { createVendorCa } from '../src/index.ts';
import { AT, crypto, softwareTpm } from './tpms.ts';

const TPMS = 2000;
const QUOTING = 100;
const PCRS = { bank: 'sha256', indices: [0, 7] } as const;

it(`is one of ${TPMS} in a process: no key is made before it is asked for, and each has its own`, async () => {
  const vendorCa = await createVendorCa(crypto, AT);
  let made = 0;
  const rsaKey = () => {
    made++;
    return crypto.generateKey({ type: 'rsa', bits: 2048 });
  };
  const tpms = Array.from({ length: TPMS }, () => softwareTpm({ vendorCa, rsaKey }));
  const keys = new Set<string>();
  for (const [i, { tpm, reset }] of tpms.slice(0, QUOTING).entries()) {
    for (let resets = 0; resets < i % 3; resets++) reset();
    const ak = expectOk(await createAttestationKey(tpm));
    keys.add(toHex(ak.name));
    const { attest } = expectOk(await quote(tpm, ak, PCRS, new Uint8Array(32)));
    const { clockInfo, attested } = expectOk(decode(TPMS_ATTEST, attest));
    expect([clockInfo.resetCount, attested.is]).toEqual([1 + (i % 3), 'quote']);
  }
  expect([keys.size, made]).toEqual([QUOTING, 0]);
});
