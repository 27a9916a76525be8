import { encode } from '@sekimori/codec';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { AK_ECC_P256, publicArea, TPM2B_PUBLIC } from '@sekimori/tpm2';
import { fromHex } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { AttestationKey, EndorsementKey, VerifiedQuote } from '../src/index.ts';

/** The base point of P-256: a key whose private half everybody knows. */
const BASE_POINT = {
  x: fromHex('6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296')!,
  y: fromHex('4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5')!,
};
const area = publicArea({ ...AK_ECC_P256.value, unique: { is: 'ecc', value: BASE_POINT } });
const attestationKey = expectOk(AttestationKey.enrol(nodeCrypto, encode(TPM2B_PUBLIC, area)));

/** Public areas and evidence: nothing that comes in is ever accepted, and nothing throws. */
export default function fuzz(bytes: Uint8Array): void {
  AttestationKey.enrol(nodeCrypto, bytes);
  EndorsementKey.check(nodeCrypto, bytes);
  const half = bytes.length >> 1;
  const evidence = { attest: bytes.subarray(0, half), signature: bytes.subarray(half), pcrs: [] };
  const selection = { bank: 'sha256', indices: [0] } as const;
  const expected = { attestationKey, extraData: new Uint8Array(32), selection, previous: undefined };
  if (VerifiedQuote.verify(nodeCrypto, evidence, expected).ok) throw new Error('accepted');
}
