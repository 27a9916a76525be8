import { concat } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { AK_ECC_P256, publicArea, TPM2B_PUBLIC, type TpmsAttest, TPMS_ATTEST, TPMT_SIGNATURE } from '@sekimori/tpm2';
import { AttestationKey } from '../src/index.ts';

/** A key that claims to be an attestation key and signs anything: what a broken TPM or a stolen key could do. */
export interface Forger {
  readonly key: AttestationKey;
  sign(attest: TpmsAttest | Uint8Array): Promise<{ readonly attest: Uint8Array; readonly signature: Uint8Array }>;
}

export async function forger(): Promise<Forger> {
  const pair = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
  if (pair.publicKey.type !== 'ec') throw new Error('an EC key was asked for');
  const { x, y } = pair.publicKey;
  const area = publicArea({ ...AK_ECC_P256.value, unique: { is: 'ecc', value: { x, y } } });
  return {
    key: expectOk(AttestationKey.enrol(crypto, encode(TPM2B_PUBLIC, area))),
    sign: async (content) => {
      const attest = content instanceof Uint8Array ? content : encode(TPMS_ATTEST, content);
      const raw = await pair.sign('ecdsa-sha256', attest);
      const [signatureR, signatureS] = [raw.subarray(0, 32), raw.subarray(32)];
      return { attest, signature: encode(TPMT_SIGNATURE, { sigAlg: 'ecdsa', hash: 'sha256', signatureR, signatureS }) };
    },
  };
}

export { crypto };
export const NONCE = crypto.hash('sha256', Uint8Array.of(1));
export const SELECTION = { bank: 'sha256', indices: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14] } as const;
/** PCR values as after a boot: 0 to 7 extended, the others not. */
export const PCRS = SELECTION.indices.map((index) => ({
  index,
  value: index < 8 ? crypto.hash('sha256', Uint8Array.of(0xc0, index)) : new Uint8Array(32),
}));

/** A quote over PCRS, with the parts a test wants otherwise. */
export function quoteBy(key: AttestationKey, changes: Partial<TpmsAttest> = {}): TpmsAttest {
  return {
    magic: 0xff544347,
    type: 'quote',
    qualifiedSigner: key.qualifiedName,
    extraData: NONCE,
    clockInfo: { clock: 1000n, resetCount: 7, restartCount: 1, safe: true },
    firmwareVersion: 0x2019n,
    attested: {
      is: 'quote',
      value: { pcrSelect: [SELECTION], pcrDigest: crypto.hash('sha256', concat(...PCRS.map(({ value }) => value))) },
    },
    ...changes,
  };
}

/** Every truncation, one byte flipped at a time, one byte added at either end. */
export function* damaged(bytes: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < bytes.length; length++) yield bytes.slice(0, length);
  for (let at = 0; at < bytes.length; at++) {
    const changed = Uint8Array.from(bytes);
    changed[at]! ^= 0x01;
    yield changed;
  }
  yield Uint8Array.of(...bytes, 0);
  yield Uint8Array.of(0, ...bytes);
}
