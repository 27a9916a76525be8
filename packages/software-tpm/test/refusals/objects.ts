import { concat } from '@sekimori/bytes';
import { AK_ECC_P256, AK_RSA_2048, EK_ECC_P384, type PublicArea, SRK_ECC_P256, TPM_RH } from '@sekimori/tpm2';
import { NONE, PASSWORD } from '../tpms.ts';
import {
  type RefusalCase,
  NULL,
  EK,
  AES,
  NONCE,
  DIGEST,
  primary,
  altered,
  withAttributes,
  ecc,
  rsa,
  quoteOf,
  ECDH_KEY,
  POINT,
  FOREIGN_KEY,
  SEALED,
  create,
  sealing,
  signer,
  SIGNER,
  verify,
  refused,
  template,
  owner,
  endorsement,
  start,
} from './bench.ts';

const external = (name: string, expected: string, inPublic: PublicArea) =>
  refused(name, expected, (tpm) =>
    tpm.outcome('LoadExternal', { request: { inPrivate: undefined, inPublic, hierarchy: NULL } }),
  );

export const OBJECTS: readonly RefusalCase[] = [
  refused('an object that is not loaded', 'TPM_RC_REFERENCE_H0', (tpm) =>
    tpm.outcome('ReadPublic', { handles: [0x80000002], request: {} }),
  ),
  refused('an object that cannot be', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('ReadPublic', { handles: [0x80000fff], request: {} }),
  ),
  refused('a persistent object that is not there', 'TPM_RC_HANDLE handle 1', (tpm) =>
    tpm.outcome('ReadPublic', { handles: [0x81000fff], request: {} }),
  ),
  refused('a PCR in the place of an object', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('ReadPublic', { handles: [0], request: {} }),
  ),
  refused('flushing an object that is not there', 'TPM_RC_HANDLE parameter 1', (tpm) =>
    tpm.outcome('FlushContext', { request: { flushHandle: 0x80000002 } }),
  ),
  refused('flushing a session that is not there', 'TPM_RC_HANDLE parameter 1', (tpm) =>
    tpm.outcome('FlushContext', { request: { flushHandle: 0x02000002 } }),
  ),
  refused('flushing a hierarchy', 'TPM_RC_VALUE parameter 1', (tpm) =>
    tpm.outcome('FlushContext', { request: { flushHandle: owner } }),
  ),
  refused('making persistent beyond the owner’s handles', 'TPM_RC_RANGE parameter 1', async (tpm) =>
    tpm.outcome('EvictControl', {
      handles: [owner, await tpm.primary(SRK_ECC_P256)],
      request: { persistentHandle: 0x81800000 },
      authorizations: [PASSWORD],
    }),
  ),
  refused('making a key of the NULL hierarchy persistent', 'TPM_RC_ATTRIBUTES handle 2', async (tpm) =>
    tpm.outcome('EvictControl', {
      handles: [owner, await tpm.primary(SRK_ECC_P256, NULL)],
      request: { persistentHandle: 0x81000f00 },
      authorizations: [PASSWORD],
    }),
  ),
  refused('making persistent where another stands', 'TPM_RC_NV_DEFINED', async (tpm) =>
    tpm.outcome('EvictControl', {
      handles: [owner, await tpm.primary(SRK_ECC_P256)],
      request: { persistentHandle: EK },
      authorizations: [PASSWORD],
    }),
  ),
  refused('a quote by a storage key', 'TPM_RC_KEY handle 1', async (tpm) =>
    tpm.outcome('Quote', quoteOf(await tpm.primary(SRK_ECC_P256))),
  ),
  refused('a quote in another scheme', 'TPM_RC_SCHEME parameter 2', async (tpm) =>
    tpm.outcome('Quote', {
      ...quoteOf(await tpm.primary(AK_ECC_P256)),
      request: { qualifyingData: NONE, inScheme: { scheme: 'ecdsa', hashAlg: 'sha384' }, PCRselect: [] },
    }),
  ),
  refused('a quote by a key without a scheme, and none asked', 'TPM_RC_SCHEME parameter 2', async (tpm) => {
    const free = ecc(withAttributes(AK_ECC_P256, { restricted: false }), { scheme: { scheme: 'null' } });
    return tpm.outcome('Quote', quoteOf(await tpm.primary(free)));
  }),
  refused('ECDH with a storage key', 'TPM_RC_ATTRIBUTES handle 1', async (tpm) =>
    tpm.outcome('ECDH_ZGen', {
      handles: [await tpm.primary(SRK_ECC_P256)],
      request: { inPoint: POINT },
      authorizations: [PASSWORD],
    }),
  ),
  refused('ECDH with an RSA key', 'TPM_RC_KEY handle 1', async (tpm) =>
    tpm.outcome('ECDH_ZGen', {
      handles: [await tpm.primary(AK_RSA_2048)],
      request: { inPoint: POINT },
      authorizations: [PASSWORD],
    }),
  ),
  refused('ECDH with a point off the curve', 'TPM_RC_ECC_POINT parameter 1', async (tpm) =>
    tpm.outcome('ECDH_ZGen', {
      handles: [await tpm.primary(ECDH_KEY)],
      request: { inPoint: { x: POINT.y, y: POINT.x } },
      authorizations: [PASSWORD],
    }),
  ),
  refused('a credential for a signing key', 'TPM_RC_TYPE handle 2', async (tpm) => {
    const ak = await tpm.primary(AK_ECC_P256);
    return tpm.outcome('ActivateCredential', {
      handles: [ak, ak],
      request: {
        credentialBlob: {
          value: { integrityHMAC: NONE, encIdentity: DIGEST },
          bytes: concat(new Uint8Array(2), DIGEST),
        },
        secret: DIGEST,
      },
      authorizations: [PASSWORD, PASSWORD],
    });
  }),
  template('without fixedParent', 'TPM_RC_ATTRIBUTES parameter 2', withAttributes(AK_ECC_P256, { fixedParent: false })),
  template(
    'from elsewhere',
    'TPM_RC_ATTRIBUTES parameter 2',
    withAttributes(AK_ECC_P256, { sensitiveDataOrigin: false }),
  ),
  template('restricted to both', 'TPM_RC_ATTRIBUTES parameter 2', withAttributes(AK_ECC_P256, { decrypt: true })),
  template('restricted to nothing', 'TPM_RC_ATTRIBUTES parameter 2', withAttributes(AK_ECC_P256, { sign: false })),
  template(
    'duplicable and fixed',
    'TPM_RC_ATTRIBUTES parameter 2',
    withAttributes(AK_ECC_P256, { encryptedDuplication: true }),
  ),
  template(
    'restricted without a scheme',
    'TPM_RC_SCHEME parameter 2',
    ecc(AK_ECC_P256, { scheme: { scheme: 'null' } }),
  ),
  template(
    'for signing with ECDH',
    'TPM_RC_SCHEME parameter 2',
    ecc(AK_ECC_P256, { scheme: { scheme: 'ecdh', hashAlg: 'sha256' } }),
  ),
  template(
    'for storage without a cipher',
    'TPM_RC_SYMMETRIC parameter 2',
    ecc(SRK_ECC_P256, { symmetric: { algorithm: 'null' } }),
  ),
  template('for signing with a cipher', 'TPM_RC_SYMMETRIC parameter 2', ecc(AK_ECC_P256, { symmetric: AES })),
  template('with a KDF', 'TPM_RC_KDF parameter 2', ecc(AK_ECC_P256, { kdf: { scheme: 'kdf2', hashAlg: 'sha256' } })),
  template(
    'with a policy of odd size',
    'TPM_RC_SIZE parameter 2',
    altered(AK_ECC_P256, () => ({ authPolicy: NONCE.subarray(1) })),
  ),
  template('of 512 bits', 'TPM_RC_VALUE parameter 2', rsa(AK_RSA_2048, { keyBits: 512 })),
  template('with exponent 2', 'TPM_RC_RANGE', rsa(AK_RSA_2048, { exponent: 2 })),
  template('of the P-384 profile', 'TPM_RC_SUCCESS', EK_ECC_P384, endorsement),
  template('for no use', 'TPM_RC_ATTRIBUTES parameter 2', withAttributes(ECDH_KEY, { decrypt: false })),
  refused('a primary key under lockout', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('CreatePrimary', primary(AK_ECC_P256, TPM_RH.lockout)),
  ),
  refused('a primary key with data', 'TPM_RC_SUCCESS', (tpm) =>
    tpm.outcome('CreatePrimary', primary(AK_ECC_P256, owner, { userAuth: NONE, data: DIGEST })),
  ),
  refused('a primary key with too long an authorization', 'TPM_RC_SIZE parameter 1', (tpm) =>
    tpm.outcome('CreatePrimary', primary(AK_ECC_P256, owner, { userAuth: new Uint8Array(33).fill(1), data: NONE })),
  ),
  refused('a foreign public key loaded below lockout', 'TPM_RC_VALUE parameter 3', async (tpm) =>
    tpm.outcome('LoadExternal', {
      request: { inPrivate: undefined, inPublic: FOREIGN_KEY, hierarchy: TPM_RH.lockout },
    }),
  ),
  ...(
    [
      ['off the curve', 'TPM_RC_ECC_POINT parameter 2', { x: DIGEST, y: DIGEST }],
      ['of zeros', 'TPM_RC_ECC_POINT parameter 2', { x: new Uint8Array(32), y: new Uint8Array(32) }],
      ['beyond the prime', 'TPM_RC_ECC_POINT parameter 2', { x: new Uint8Array(32).fill(0xff), y: DIGEST }],
      ['of nothing', 'TPM_RC_KEY parameter 2', { x: NONE, y: NONE }],
      ['of one coordinate', 'TPM_RC_KEY parameter 2', { x: POINT.x, y: NONE }],
      ['with a zero in front', 'TPM_RC_KEY parameter 2', { x: concat(Uint8Array.of(0), POINT.x), y: POINT.y }],
    ] as const
  ).map(([what, expected, value]) =>
    external(
      `a public key loaded whose point is ${what}`,
      expected,
      altered(SIGNER, () => ({ unique: { is: 'ecc', value } })),
    ),
  ),
  ...(
    [
      ['of 255 bytes', 'TPM_RC_KEY parameter 2', new Uint8Array(255).fill(0xff)],
      ['of 257 bytes', 'TPM_RC_KEY parameter 2', new Uint8Array(257).fill(0xff)],
      ['of 2047 bits', 'TPM_RC_KEY parameter 2', new Uint8Array(256).fill(0x7f)],
    ] as const
  ).map(([what, expected, value]) =>
    external(
      `a public key loaded with a modulus ${what}`,
      expected,
      altered(AK_RSA_2048, () => ({ unique: { is: 'rsa', value } })),
    ),
  ),
  refused('ECDH with a foreign public key', 'TPM_RC_AUTH_UNAVAILABLE', async (tpm) => {
    const request = { inPrivate: undefined, inPublic: FOREIGN_KEY, hierarchy: NULL };
    const foreign = await tpm.make('LoadExternal', { request });
    return tpm.outcome('ECDH_ZGen', { handles: [foreign], request: { inPoint: POINT }, authorizations: [PASSWORD] });
  }),
  refused('a salt to a foreign public key', 'TPM_RC_HANDLE handle 1', async (tpm) => {
    const request = { inPrivate: undefined, inPublic: FOREIGN_KEY, hierarchy: NULL };
    const foreign = await tpm.make('LoadExternal', { request });
    return tpm.outcome('StartAuthSession', { ...start({ encryptedSalt: DIGEST }), handles: [foreign, NULL] });
  }),
  sealing('of no bytes', 'TPM_RC_ATTRIBUTES parameter 2', SEALED, NONE),
  sealing('of too many bytes', 'TPM_RC_SIZE parameter 1', SEALED, new Uint8Array(129)),
  sealing(
    'from the TPM itself',
    'TPM_RC_ATTRIBUTES parameter 2',
    altered(SEALED, ({ objectAttributes }) => ({
      objectAttributes: { ...objectAttributes, sensitiveDataOrigin: true },
    })),
  ),
  sealing(
    'that sign',
    'TPM_RC_SCHEME parameter 2',
    altered(SEALED, ({ objectAttributes }) => ({ objectAttributes: { ...objectAttributes, sign: true } })),
  ),
  sealing(
    'with a policy of odd size',
    'TPM_RC_SIZE parameter 2',
    altered(SEALED, () => ({ authPolicy: NONCE.subarray(1) })),
  ),
  refused('sealing below a key for signing', 'TPM_RC_TYPE handle 1', async (tpm) =>
    tpm.outcome('Create', create(await tpm.primary(AK_ECC_P256), SEALED)),
  ),
  refused('loading what nobody sealed', 'TPM_RC_INTEGRITY parameter 1', async (tpm) =>
    tpm.outcome('Load', {
      handles: [await tpm.primary(SRK_ECC_P256)],
      request: { inPrivate: concat(Uint8Array.of(0, 32), new Uint8Array(112)), inPublic: SEALED },
      authorizations: [PASSWORD],
    }),
  ),
  refused('unsealing a key', 'TPM_RC_TYPE handle 1', async (tpm) =>
    tpm.outcome('Unseal', {
      handles: [await tpm.primary(AK_ECC_P256)],
      request: {},
      authorizations: [PASSWORD],
    }),
  ),
  refused('a wrong signature', 'TPM_RC_SIGNATURE parameter 2', async (tpm) =>
    tpm.outcome('VerifySignature', verify(await signer(tpm))),
  ),
  refused('a signature by a key that does not sign', 'TPM_RC_ATTRIBUTES handle 1', async (tpm) =>
    tpm.outcome('VerifySignature', verify(await tpm.primary(SRK_ECC_P256))),
  ),
  refused('a signature of another scheme than the key’s', 'TPM_RC_SCHEME parameter 2', async (tpm) =>
    tpm.outcome('VerifySignature', {
      handles: [await signer(tpm)],
      request: { digest: DIGEST, signature: { sigAlg: 'rsassa', hash: 'sha256', sig: new Uint8Array(256) } },
    }),
  ),
  refused('an RSA signature that is none', 'TPM_RC_SIGNATURE parameter 2', async (tpm) =>
    tpm.outcome('VerifySignature', {
      handles: [await tpm.primary(AK_RSA_2048)],
      request: { digest: DIGEST, signature: { sigAlg: 'rsassa', hash: 'sha256', sig: new Uint8Array(256) } },
    }),
  ),
  refused('a key that stays, below a parent that may leave', 'TPM_RC_ATTRIBUTES parameter 2', async (tpm) => {
    const leaves = withAttributes(SRK_ECC_P256, { fixedTPM: false, fixedParent: false });
    return tpm.outcome('Create', create(await tpm.primary(leaves), AK_ECC_P256, NONE));
  }),
  refused('a key in two wrappings, below a parent that leaves in one', 'TPM_RC_ATTRIBUTES parameter 2', async (tpm) => {
    const leaves = { fixedTPM: false, fixedParent: false };
    const parent = await tpm.primary(withAttributes(SRK_ECC_P256, leaves));
    const child = withAttributes(AK_ECC_P256, { ...leaves, encryptedDuplication: true });
    return tpm.outcome('Create', create(parent, child, NONE));
  }),
  refused('an RSA key below a parent', 'TPM_RC_SUCCESS', async (tpm) =>
    tpm.outcome('Create', create(await tpm.primary(SRK_ECC_P256), AK_RSA_2048, NONE)),
  ),
  refused('a storage key below a parent', 'TPM_RC_SUCCESS', async (tpm) =>
    tpm.outcome('Create', create(await tpm.primary(SRK_ECC_P256), SRK_ECC_P256, NONE)),
  ),
  refused('a key with data below a parent', 'TPM_RC_ATTRIBUTES parameter 2', async (tpm) =>
    tpm.outcome('Create', create(await tpm.primary(SRK_ECC_P256), AK_ECC_P256, DIGEST)),
  ),
  refused('sealed data as a primary', 'TPM_RC_SUCCESS', (tpm) =>
    tpm.outcome('CreatePrimary', primary(SEALED, owner, { userAuth: NONE, data: DIGEST })),
  ),
  refused('an HMAC key without a scheme', 'TPM_RC_SCHEME parameter 2', async (tpm) => {
    const key = withAttributes(SEALED, { sign: true, sensitiveDataOrigin: true });
    return tpm.outcome('Create', create(await tpm.primary(SRK_ECC_P256), key, NONE));
  }),
  refused('a quote by an HMAC key', 'TPM_RC_SUCCESS', async (tpm) => {
    const key = altered(withAttributes(SEALED, { sign: true, sensitiveDataOrigin: true }), () => ({
      parameters: { is: 'keyedhash', value: { scheme: { scheme: 'hmac', hashAlg: 'sha256' } } },
    }));
    return tpm.outcome('Quote', quoteOf(await tpm.primary(key)));
  }),
  refused('saving a persistent object', 'TPM_RC_VALUE handle 1', (tpm) =>
    tpm.outcome('ContextSave', { handles: [EK], request: {} }),
  ),
];
