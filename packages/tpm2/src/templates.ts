import type { HashName } from '@sekimori/crypto-core';
import { TPMA_OBJECT } from './attributes.ts';
import { EK_POLICY_A, EK_POLICY_B } from './policy.ts';
import { type PublicArea, publicArea } from './public-area.ts';

const NONE = new Uint8Array(0);
const NO_POINT = { is: 'ecc', value: { x: NONE, y: NONE } } as const;
const aes = (keyBits: 128 | 256) => ({ algorithm: 'aes', keyBits, mode: 'cfb' }) as const;
const LOW_RANGE = TPMA_OBJECT.of(
  'fixedTPM',
  'fixedParent',
  'sensitiveDataOrigin',
  'adminWithPolicy',
  'restricted',
  'decrypt',
);
const HIGH_RANGE = { ...LOW_RANGE, userWithAuth: true };

/** L-1 of the EK Credential Profile: RSA-2048. The `unique` of zeros is part of the template: another gives another key. */
export const EK_RSA_2048: PublicArea = publicArea({
  type: 'rsa',
  nameAlg: 'sha256',
  objectAttributes: LOW_RANGE,
  authPolicy: EK_POLICY_A.sha256,
  parameters: {
    is: 'rsa',
    value: { symmetric: aes(128), scheme: { scheme: 'null' }, keyBits: 2048, exponent: 0 },
  },
  unique: { is: 'rsa', value: new Uint8Array(256) },
});

/** H-3 of the EK Credential Profile: ECC P-384, `unique` empty. */
export const EK_ECC_P384: PublicArea = publicArea({
  type: 'ecc',
  nameAlg: 'sha384',
  objectAttributes: HIGH_RANGE,
  authPolicy: EK_POLICY_B.sha384,
  parameters: {
    is: 'ecc',
    value: { symmetric: aes(256), scheme: { scheme: 'null' }, curveID: 'P-384', kdf: { scheme: 'null' } },
  },
  unique: NO_POINT,
});

/** The storage root key of the TCG Provisioning Guidance, ECC P-256, as Windows and Linux make it. */
export const SRK_ECC_P256: PublicArea = publicArea({
  type: 'ecc',
  nameAlg: 'sha256',
  objectAttributes: TPMA_OBJECT.of(
    'fixedTPM',
    'fixedParent',
    'sensitiveDataOrigin',
    'userWithAuth',
    'noDA',
    'restricted',
    'decrypt',
  ),
  authPolicy: NONE,
  parameters: {
    is: 'ecc',
    value: { symmetric: aes(128), scheme: { scheme: 'null' }, curveID: 'P-256', kdf: { scheme: 'null' } },
  },
  unique: { is: 'ecc', value: { x: new Uint8Array(32), y: new Uint8Array(32) } },
});

/** noDA: a lockout by dictionary-attack protection must not stop attestation. */
const ATTESTATION = TPMA_OBJECT.of(
  'fixedTPM',
  'fixedParent',
  'sensitiveDataOrigin',
  'userWithAuth',
  'noDA',
  'restricted',
  'sign',
);

/** An attestation key: restricted signing, ECDSA P-256 with SHA-256. Made as a primary of the endorsement hierarchy. */
export const AK_ECC_P256: PublicArea = publicArea({
  type: 'ecc',
  nameAlg: 'sha256',
  objectAttributes: ATTESTATION,
  authPolicy: NONE,
  parameters: {
    is: 'ecc',
    value: {
      symmetric: { algorithm: 'null' },
      scheme: { scheme: 'ecdsa', hashAlg: 'sha256' },
      curveID: 'P-256',
      kdf: { scheme: 'null' },
    },
  },
  unique: NO_POINT,
});

/** The same with RSA-2048, RSASSA and SHA-256. */
export const AK_RSA_2048: PublicArea = publicArea({
  type: 'rsa',
  nameAlg: 'sha256',
  objectAttributes: ATTESTATION,
  authPolicy: NONE,
  parameters: {
    is: 'rsa',
    value: {
      symmetric: { algorithm: 'null' },
      scheme: { scheme: 'rsassa', hashAlg: 'sha256' },
      keyBits: 2048,
      exponent: 0,
    },
  },
  unique: { is: 'rsa', value: NONE },
});

/** What the health key's attributes are, no more and no less. Its use needs the policy, its certification does not. */
export const HEALTH_KEY_ATTRIBUTES = TPMA_OBJECT.of(
  'fixedTPM',
  'fixedParent',
  'sensitiveDataOrigin',
  'noDA',
  'decrypt',
);
export const HEALTH_KEY_NAME_ALG = 'sha256' satisfies HashName;

/** A host's health key: ECDH on P-256, usable under `authPolicy` alone. Made as a primary of the NULL hierarchy. */
export function healthKeyTemplate(authPolicy: Uint8Array): PublicArea {
  return publicArea({
    type: 'ecc',
    nameAlg: HEALTH_KEY_NAME_ALG,
    objectAttributes: HEALTH_KEY_ATTRIBUTES,
    authPolicy,
    parameters: {
      is: 'ecc',
      value: {
        symmetric: { algorithm: 'null' },
        scheme: { scheme: 'ecdh', hashAlg: 'sha256' },
        curveID: 'P-256',
        kdf: { scheme: 'null' },
      },
    },
    unique: NO_POINT,
  });
}
