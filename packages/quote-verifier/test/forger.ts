import { constants, createPrivateKey, sign } from 'node:crypto';
import { concat } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import type { KeySpec, PrivateKey, PublicKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import {
  AK_ECC_P256,
  AK_RSA_2048,
  publicArea,
  type SigningScheme,
  TPM2B_PUBLIC,
  type TpmsAttest,
  TPMS_ATTEST,
  type TpmtPublic,
  type TpmtSignature,
  TPMT_SIGNATURE,
} from '@sekimori/tpm2';
import { AttestationKey, type AttestationKeyPolicy } from '../src/index.ts';

/** A key that claims to be an attestation key and signs anything: what a broken TPM or a stolen key could do. */
export interface Forger {
  readonly key: AttestationKey;
  sign(attest: TpmsAttest | Uint8Array): Promise<{ readonly attest: Uint8Array; readonly signature: Uint8Array }>;
}

export interface ForgedKey {
  readonly key: KeySpec;
  readonly scheme: SigningScheme;
  /** Of RSAPSS; by default as long as the hash, which is what TPMs make in FIPS mode. */
  readonly saltLength?: number;
}
const P256: ForgedKey = { key: { type: 'ec', curve: 'P-256' }, scheme: { scheme: 'ecdsa', hashAlg: 'sha256' } };

export async function forger(kind = P256, policy: AttestationKeyPolicy = {}): Promise<Forger> {
  const pair = await crypto.generateKey(kind.key);
  const area = publicArea(areaOf(pair.publicKey, kind.scheme));
  return {
    key: expectOk(AttestationKey.enrol(crypto, encode(TPM2B_PUBLIC, area), undefined, policy)),
    sign: async (content) => {
      const attest = content instanceof Uint8Array ? content : encode(TPMS_ATTEST, content);
      return { attest, signature: encode(TPMT_SIGNATURE, await signatureOf(pair, kind, attest)) };
    },
  };
}

export function areaOf(key: PublicKey, { scheme, hashAlg }: SigningScheme): TpmtPublic {
  if (key.type === 'rsa') {
    if (scheme === 'ecdsa' || AK_RSA_2048.value.parameters.is !== 'rsa') throw new Error('an RSA scheme is needed');
    const parameters = { ...AK_RSA_2048.value.parameters.value, scheme: { scheme, hashAlg }, keyBits: key.bits };
    const unique = { is: 'rsa', value: key.modulus } as const;
    return { ...AK_RSA_2048.value, parameters: { is: 'rsa', value: parameters }, unique };
  }
  if (scheme !== 'ecdsa' || AK_ECC_P256.value.parameters.is !== 'ecc') throw new Error('an EC scheme is needed');
  const parameters = { ...AK_ECC_P256.value.parameters.value, scheme: { scheme, hashAlg }, curveID: key.curve };
  const unique = { is: 'ecc', value: { x: key.x, y: key.y } } as const;
  return { ...AK_ECC_P256.value, parameters: { is: 'ecc', value: parameters }, unique };
}

async function signatureOf(pair: PrivateKey, kind: ForgedKey, data: Uint8Array): Promise<TpmtSignature> {
  const { scheme, hashAlg: hash } = kind.scheme;
  if (scheme === 'ecdsa') {
    const raw = await pair.sign(`ecdsa-${hash}`, data);
    const half = raw.length / 2;
    return { sigAlg: scheme, hash, signatureR: raw.subarray(0, half), signatureS: raw.subarray(half) };
  }
  if (kind.saltLength === undefined) return { sigAlg: scheme, hash, sig: await pair.sign(`${scheme}-${hash}`, data) };
  const pkcs8 = pair.export().use((der) => Buffer.from(der));
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return {
    sigAlg: scheme,
    hash,
    sig: Uint8Array.from(sign(hash, data, { key, padding, saltLength: kind.saltLength })),
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
