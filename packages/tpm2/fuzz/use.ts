import { concat } from '@sekimori/bytes';
import { decode, encode } from '@sekimori/codec';
import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import {
  AK_ECC_P256,
  EK_RSA_2048,
  explainResponseCode,
  handleType,
  makeCredential,
  nameOf,
  nameOfHandle,
  publicArea,
  publicKeyOf,
  qualifiedNameOfPrimary,
  type SigningScheme,
  TPM2B_PUBLIC,
  TPM_RH,
  TPMT_SIGNATURE,
  verifySignature,
} from '../src/index.ts';
import { samplesOf } from '../test/samples.ts';

const DATA = new Uint8Array(64).fill(3);
const SECRET = new Secret(new Uint8Array(16));
const KEYS = await Promise.all(
  [{ type: 'ec', curve: 'P-256' } as const, { type: 'rsa', bits: 2048 } as const].map((spec) =>
    nodeCrypto.generateKey(spec),
  ),
);
const SCHEMES: readonly SigningScheme[] = (['ecdsa', 'rsassa', 'rsapss'] as const).map((scheme) => ({
  scheme,
  hashAlg: 'sha256',
}));

/** What is done with structures once they are read. */
export const targets = {
  publicArea: (bytes: Uint8Array): string => {
    const area = decode(TPM2B_PUBLIC, bytes);
    if (!area.ok) return `${area.fault.code} ${area.fault.at?.replace(/@\d+$/, '')}`;
    nameOf(nodeCrypto, area.value);
    qualifiedNameOfPrimary(nodeCrypto, area.value, TPM_RH.owner);
    const key = publicKeyOf(nodeCrypto, area.value);
    const { nameAlg } = area.value.value;
    // The secret is 16 bytes, which any digest can hold.
    const credential = makeCredential(nodeCrypto, area.value, nameOf(nodeCrypto, AK_ECC_P256), SECRET);
    return `${nameAlg} ${key.ok} ${credential.ok ? 'ok' : credential.fault.code}`;
  },
  signature: (bytes: Uint8Array): string => {
    const signature = decode(TPMT_SIGNATURE, bytes);
    if (!signature.ok) return `${signature.fault.code} ${signature.fault.at?.replace(/@\d+$/, '')}`;
    for (const { publicKey } of KEYS)
      for (const scheme of SCHEMES)
        if (verifySignature(nodeCrypto, publicKey, scheme, DATA, signature.value)) throw new Error('a forgery');
    return signature.value.sigAlg;
  },
  numbers: (bytes: Uint8Array): string => {
    const padded = concat(bytes, new Uint8Array(4));
    const number = new DataView(padded.buffer, padded.byteOffset).getUint32(0);
    const { kind, name, about } = explainResponseCode(number);
    if (!name.startsWith('TPM_RC_')) throw new Error(`${number} has no name`);
    return `${kind} ${about?.part} ${handleType(number)} ${nameOfHandle(number)?.length}`;
  },
};

const { value } = EK_RSA_2048;
const KEY = publicArea({ ...value, unique: { is: 'rsa', value: new Uint8Array(256).fill(0xf1) } });
const SEEDS: Readonly<Record<string, readonly Uint8Array[]>> = {
  publicArea: [encode(TPM2B_PUBLIC, KEY), ...samplesOf('TPM2B_PUBLIC')],
  signature: samplesOf('TPMT_SIGNATURE'),
  numbers: [Uint8Array.of(0, 0, 9, 0xa2), Uint8Array.of(0x81, 1, 0, 1)],
};

export const seeds = (name = ''): readonly Uint8Array[] => SEEDS[name] ?? [];
