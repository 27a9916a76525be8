import { encode } from '@sekimori/codec';
import { type HashName, hashLength } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import { publicKeyOf, TPMT_SIGNATURE, type TpmtSignature } from '@sekimori/tpm2';
import { signDigest as ecSign, verifiesDigest as ecVerifies } from './curves.ts';
import type { Machine } from './machine.ts';
import type { ObjectKey, TpmObject } from './objects.ts';
import { type Answer, inHandle, inParameter, RC } from './response-codes.ts';
import { numbersOf, signDigest as rsaSign, verifiesDigest as rsaVerifies } from './rsa.ts';

type SchemeName = 'rsassa' | 'rsapss' | 'ecdsa' | 'hmac';

/** A key and the scheme it is to sign in. */
export interface Signing {
  readonly scheme: SchemeName;
  readonly hash: HashName;
  readonly key: ObjectKey;
}

type SchemeOf = { readonly scheme: string; readonly hashAlg?: HashName };

const SCHEMES: Readonly<Record<ObjectKey['type'], readonly string[]>> = {
  rsa: ['rsassa', 'rsapss'],
  ecc: ['ecdsa'],
  keyedhash: ['hmac'],
};

/** Part 3, 18.1 and 20.2: a key with a scheme signs with that one alone. `handle` and `parameter`: whom to blame. */
export function signingOf(signer: TpmObject, asked: SchemeOf, handle: number, parameter: number): Answer<Signing> {
  const { objectAttributes, parameters } = signer.area.value;
  const { key } = signer;
  if (!objectAttributes.sign || !key || parameters.is === 'symcipher') return inHandle(handle, RC.key);
  const own: SchemeOf = parameters.value.scheme;
  const { scheme, hashAlg } = own.scheme === 'null' ? asked : own;
  const isOther = asked.scheme !== 'null' && (asked.scheme !== scheme || asked.hashAlg !== hashAlg);
  if (isOther || hashAlg === undefined || !SCHEMES[key.type].includes(scheme)) return inParameter(parameter, RC.scheme);
  return ok({ scheme: scheme as SchemeName, hash: hashAlg, key });
}

/** Over a digest as long as the scheme's hash, in the form of a response. */
export function signDigest({ crypto }: Machine, { scheme, hash, key }: Signing, digest: Uint8Array) {
  if (key.type === 'keyedhash')
    return received({ sigAlg: 'hmac', hashAlg: hash, digest: crypto.hmac(hash, key.data, digest) });
  if (key.type === 'ecc') {
    const { r, s } = ecSign(crypto, key.ecKey, digest);
    return received({ sigAlg: 'ecdsa', hash, signatureR: r, signatureS: s });
  }
  const family = scheme === 'rsapss' ? 'rsapss' : 'rsassa';
  return received({ sigAlg: family, hash, sig: rsaSign(crypto, key.privateKey, family, hash, digest) });
}

/** Over data: by the provider where it can, since attestations are many. */
export async function signData(machine: Machine, signing: Signing, data: Uint8Array) {
  const { scheme, hash, key } = signing;
  if (key.type === 'keyedhash' || scheme === 'hmac')
    return signDigest(machine, signing, machine.crypto.hash(hash, data));
  const privateKey = key.type === 'rsa' ? key.privateKey : key.ecKey.privateKey;
  const bytes = await privateKey.sign(`${scheme}-${hash}`, data);
  if (scheme !== 'ecdsa') return received({ sigAlg: scheme, hash, sig: bytes });
  const half = bytes.length / 2;
  return received({ sigAlg: scheme, hash, signatureR: bytes.subarray(0, half), signatureS: bytes.subarray(half) });
}

/** Whether the key's holder signed this digest. Undefined for a scheme that is none of the key's. Part 3, 20.1. */
export function verifiesDigest(
  { crypto }: Machine,
  object: TpmObject,
  digest: Uint8Array,
  signature: TpmtSignature,
): boolean | undefined {
  if (object.key?.type === 'keyedhash') {
    if (signature.sigAlg !== 'hmac') return undefined;
    const { hashAlg } = signature;
    const expected = crypto.hmac(hashAlg, object.key.data, digest);
    return expected.every((byte, i) => byte === signature.digest[i]);
  }
  const found = publicKeyOf(crypto, object.area);
  if (!found.ok) return undefined;
  const key = found.value;
  if (key.type === 'rsa' && (signature.sigAlg === 'rsassa' || signature.sigAlg === 'rsapss')) {
    const { hash, sig, sigAlg } = signature;
    return digest.length === hashLength(hash) && rsaVerifies(crypto, numbersOf(key), sigAlg, hash, digest, sig);
  }
  if (key.type !== 'ec' || signature.sigAlg !== 'ecdsa') return undefined;
  const { signatureR: r, signatureS: s, hash } = signature;
  return digest.length === hashLength(hash) && ecVerifies(key, digest, { r, s });
}

function received(value: TpmtSignature) {
  return { value, bytes: encode(TPMT_SIGNATURE, value) };
}
