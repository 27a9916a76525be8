import { type Codec, decode, encode } from '@sekimori/codec';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  AK_ECC_P256,
  COMMANDS,
  decodeCommand,
  decodeResponse,
  EK_ECC_P384,
  EK_RSA_2048,
  encodeCommand,
  encodeResponse,
  explainResponseCode,
  TPM2B_ID_OBJECT,
  TPM2B_PUBLIC,
  TPMA_SESSION,
  TPMS_ATTEST,
  TPMS_NV_PUBLIC,
  TPMT_SIGNATURE,
} from '../src/index.ts';
import { damaged, hex } from './bytes.ts';

const ATTEST = (type: string, attested: string) =>
  `ff544347 ${type} 0022 000b${'97'.repeat(32)} 0004 6e6f6e63 0000000000000352 00000003 00000000 00 2019102300163636 ${attested}`;
const NAME = `0022000b${'11'.repeat(32)}`;

/** Each with good bytes; `tail` where a structure ends in bytes of any length, so that some damage is another good value. */
const samples: readonly (readonly [string, Codec<unknown>, Uint8Array])[] = [
  ['quote', TPMS_ATTEST, hex(ATTEST('8018', `00000001 000b 03 810001 0020 ${'ae'.repeat(32)}`))],
  ['certification', TPMS_ATTEST, hex(ATTEST('8017', NAME + NAME))],
  ['creation', TPMS_ATTEST, hex(ATTEST('801a', `${NAME}0000`))],
  ['time', TPMS_ATTEST, hex(ATTEST('8019', `${'00'.repeat(24)}01 0000000000000001`))],
  ['NV certification', TPMS_ATTEST, hex(ATTEST('8014', `${NAME} 0000 0002 aabb`))],
  ['NV digest', TPMS_ATTEST, hex(ATTEST('801c', `${NAME} 0000`))],
  ['command audit', TPMS_ATTEST, hex(ATTEST('8015', '0000000000000001 000b 0000 0000'))],
  ['session audit', TPMS_ATTEST, hex(ATTEST('8016', '01 0000'))],
  ['RSA public area', TPM2B_PUBLIC, encode(TPM2B_PUBLIC, EK_RSA_2048)],
  ['EC public area', TPM2B_PUBLIC, encode(TPM2B_PUBLIC, EK_ECC_P384)],
  ['EC signing key', TPM2B_PUBLIC, encode(TPM2B_PUBLIC, AK_ECC_P256)],
  ['keyed hash', TPM2B_PUBLIC, hex('0014 0008 000b 00000012 0000 0005 000b 0004 01020304')],
  ['keyed hash with XOR', TPM2B_PUBLIC, hex('0014 0008 000b 00000012 0000 000a 000b 0020 000b 0000')],
  ['symmetric key', TPM2B_PUBLIC, hex('0014 0025 000b 00000012 0000 0006 0080 0043 0002 0102')],
  ['ECDSA signature', TPMT_SIGNATURE, hex(`0018 000b 0020 ${'11'.repeat(32)} 0020 ${'22'.repeat(32)}`)],
  ['RSA signature', TPMT_SIGNATURE, hex('0014 000b 0004 01020304')],
  ['NV public area', TPMS_NV_PUBLIC, hex('01c00002 000b 62072001 0000 0400')],
  ['credential', TPM2B_ID_OBJECT, hex(`0026 0020 ${'11'.repeat(32)} 22334455`)],
];

describe.each(samples)('%s', (_, codec, good) => {
  it('comes back as it was', () => {
    expect(encode(codec, expectOk(decode(codec, good)))).toEqual(good);
  });
  it('is a value or a fault, whatever happens to its bytes, and every value comes back as it was', () => {
    for (const bytes of damaged(good)) {
      const decoded = decode(codec, bytes);
      if (decoded.ok) expect(encode(codec, decoded.value)).toEqual(bytes);
      else expect(['malformed', 'trailing-bytes']).toContain(decoded.fault.code);
    }
    for (let length = 0; length < good.length; length++) expect(decode(codec, good.subarray(0, length)).ok).toBe(false);
    expect(decode(codec, Uint8Array.of(...good, 0)).ok).toBe(false);
  });
});

describe('frames', () => {
  const auth = { nonce: hex('0102'), sessionAttributes: TPMA_SESSION.of('continueSession'), hmac: hex('03') };
  it('of commands are values or faults', () => {
    const good = encodeCommand({
      name: 'Quote',
      handles: [0x80000000],
      authorizations: [{ ...auth, sessionHandle: 0x02000000 }],
      parameters: hex('0000 0010 00000000'),
    });
    for (const bytes of damaged(good)) expect(typeof decodeCommand(bytes).ok).toBe('boolean');
  });
  it.each(Object.keys(COMMANDS) as (keyof typeof COMMANDS)[])('of %s responses are values or faults', (name) => {
    const good = encodeResponse(name, {
      responseCode: 0,
      ...(COMMANDS[name].returnsHandle ? { handle: 0x80000000 } : {}),
      authorizations: [auth],
      parameters: hex('0004 01020304'),
    });
    expect(decodeResponse(name, 1, good).ok).toBe(true);
    for (const bytes of damaged(good)) {
      const decoded = decodeResponse(name, 1, bytes);
      if (!decoded.ok) continue;
      expect(typeof decode(COMMANDS[name].response as Codec<unknown>, decoded.value.parameters).ok).toBe('boolean');
      expect(explainResponseCode(decoded.value.responseCode).name).toBeTruthy();
    }
  });
});
