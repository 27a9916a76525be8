import type { Infer } from '@sekimori/codec';
import type { HashName } from '@sekimori/crypto-core';
import { TPMA_OBJECT } from '../structures/attributes.ts';
import { type PublicArea, publicArea, type TpmtPublic } from '../structures/public-area.ts';
import type { TpmtEccScheme, TpmtRsaScheme } from '../structures/schemes.ts';

// Public areas of the keys that the suite makes: usable with their password, which is empty, and never locked out.

type Attribute = keyof Infer<typeof TPMA_OBJECT>;

const NONE = new Uint8Array(0);
const NULL = { algorithm: 'null' } as const;
const AES_128 = { algorithm: 'aes', keyBits: 128, mode: 'cfb' } as const;
/** Stays in its TPM. */
export const FIXED = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'userWithAuth', 'noDA'] as const;
/** May leave it. */
export const MOVABLE = ['sensitiveDataOrigin', 'userWithAuth', 'noDA'] as const;

export function rsaKey(scheme: TpmtRsaScheme, ...attributes: readonly Attribute[]): PublicArea {
  return publicArea({
    type: 'rsa',
    nameAlg: 'sha256',
    objectAttributes: TPMA_OBJECT.of(...attributes),
    authPolicy: NONE,
    parameters: { is: 'rsa', value: { symmetric: NULL, scheme, keyBits: 2048, exponent: 0 } },
    unique: { is: 'rsa', value: NONE },
  });
}

export function eccKey(scheme: TpmtEccScheme, ...attributes: readonly Attribute[]): PublicArea {
  return publicArea({
    type: 'ecc',
    nameAlg: 'sha256',
    objectAttributes: TPMA_OBJECT.of(...attributes),
    authPolicy: NONE,
    parameters: { is: 'ecc', value: { symmetric: NULL, scheme, curveID: 'P-256', kdf: { scheme: 'null' } } },
    unique: { is: 'ecc', value: { x: NONE, y: NONE } },
  });
}

/** A key below which others stand. */
export function eccParent(...attributes: readonly Attribute[]): PublicArea {
  const { value } = eccKey({ scheme: 'null' }, ...attributes, 'restricted', 'decrypt');
  const { parameters } = value;
  if (parameters.is !== 'ecc') throw new Error('an ECC key');
  return publicArea({ ...value, parameters: { is: 'ecc', value: { ...parameters.value, symmetric: AES_128 } } });
}

export function hmacKey(hashAlg: HashName, ...attributes: readonly Attribute[]): PublicArea {
  return keyedHash({ scheme: 'hmac', hashAlg }, 'sign', ...attributes);
}

export function sealedData(...attributes: readonly Attribute[]): PublicArea {
  return keyedHash({ scheme: 'null' }, ...attributes);
}

export function altered(area: PublicArea, change: Partial<TpmtPublic>): PublicArea {
  return publicArea({ ...area.value, ...change });
}

function keyedHash(
  scheme: { readonly scheme: 'null' } | { readonly scheme: 'hmac'; readonly hashAlg: HashName },
  ...attributes: readonly Attribute[]
): PublicArea {
  return publicArea({
    type: 'keyedhash',
    nameAlg: 'sha256',
    objectAttributes: TPMA_OBJECT.of(...attributes),
    authPolicy: NONE,
    parameters: { is: 'keyedhash', value: { scheme } },
    unique: { is: 'keyedhash', value: NONE },
  });
}
