import { concat, fromHex, u16be, u32be, utf8 } from '@sekimori/bytes';
import type { CurveName, HashName } from '@sekimori/crypto-core';
import { TPMA_OBJECT } from '../structures/attributes.ts';
import { EK_PLACES, type EkName, type EndorsementPlace } from '../structures/handles.ts';
import { EK_POLICY_A, EK_POLICY_B } from '../policy/digest.ts';
import { type PublicArea, publicArea, type TpmtPublic } from '../structures/public-area.ts';
import type { TpmtEccScheme, TpmtRsaScheme } from '../structures/schemes.ts';

const NONE = new Uint8Array(0);

/** What templates differ in. Left out: no policy, no symmetric algorithm, no scheme, an empty `unique`. */
interface Shape<Scheme> {
  readonly nameAlg: HashName;
  readonly objectAttributes: TpmtPublic['objectAttributes'];
  readonly authPolicy?: Uint8Array;
  /** AES-CFB of a storage key, in bits. */
  readonly aes?: 128 | 256;
  readonly scheme?: Scheme;
  /** Of an ECC key: both coordinates. */
  readonly unique?: Uint8Array;
}

function rsa(keyBits: number, shape: Shape<TpmtRsaScheme>): PublicArea {
  const { scheme = { scheme: 'null' }, unique = NONE } = shape;
  return publicArea({
    ...common('rsa', shape),
    parameters: { is: 'rsa', value: { symmetric: symmetric(shape), scheme, keyBits, exponent: 0 } },
    unique: { is: 'rsa', value: unique },
  });
}

function ecc(curveID: CurveName, shape: Shape<TpmtEccScheme>): PublicArea {
  const { scheme = { scheme: 'null' }, unique = NONE } = shape;
  return publicArea({
    ...common('ecc', shape),
    parameters: { is: 'ecc', value: { symmetric: symmetric(shape), scheme, curveID, kdf: { scheme: 'null' } } },
    unique: { is: 'ecc', value: { x: unique, y: unique } },
  });
}

function common<Type extends 'rsa' | 'ecc'>(type: Type, shape: Shape<unknown>) {
  const { nameAlg, objectAttributes, authPolicy = NONE } = shape;
  return { type, nameAlg, objectAttributes, authPolicy };
}

function symmetric({ aes }: Shape<unknown>) {
  return aes === undefined
    ? ({ algorithm: 'null' } as const)
    : ({ algorithm: 'aes', keyBits: aes, mode: 'cfb' } as const);
}

const LOW_RANGE = TPMA_OBJECT.of(
  'fixedTPM',
  'fixedParent',
  'sensitiveDataOrigin',
  'adminWithPolicy',
  'restricted',
  'decrypt',
);
const LOW = { nameAlg: 'sha256', objectAttributes: LOW_RANGE, authPolicy: EK_POLICY_A.sha256, aes: 128 } as const;
const high = <Hash extends keyof typeof EK_POLICY_B>(nameAlg: Hash, aes: 128 | 256) => ({
  nameAlg,
  objectAttributes: { ...LOW_RANGE, userWithAuth: true },
  authPolicy: EK_POLICY_B[nameAlg],
  aes,
});

/** An endorsement key of the profile: its template, and where it stands. */
export interface EkTemplate extends EndorsementPlace {
  readonly name: EkName;
  readonly key: PublicArea;
}

/** H-5 of the EK Credential Profile has algorithms that are not computed here: see `EK_SM2_P256`. */
export type EkTemplateName = Exclude<EkName, 'H-5'>;

/**
 * The templates of the EK Credential Profile 2.5, B.3 and B.4. `unique` belongs to a template: another one gives another key. In the
 * low range it is zeros of full size, in the high range it is empty.
 */
const EK_KEYS: Readonly<Record<EkTemplateName, PublicArea>> = {
  'L-1': rsa(2048, { ...LOW, unique: new Uint8Array(256) }),
  'L-2': ecc('P-256', { ...LOW, unique: new Uint8Array(32) }),
  'H-1': rsa(2048, high('sha256', 128)),
  'H-2': ecc('P-256', high('sha256', 128)),
  'H-3': ecc('P-384', high('sha384', 256)),
  'H-4': ecc('P-521', high('sha512', 256)),
  'H-6': rsa(3072, high('sha384', 256)),
  'H-7': rsa(4096, high('sha384', 256)),
};

/** The one table of endorsement keys. */
export const EK_TEMPLATES = Object.fromEntries(
  Object.entries(EK_KEYS).map(([name, key]) => [name, { name, key, ...EK_PLACES[name as EkTemplateName] }]),
) as Readonly<Record<EkTemplateName, EkTemplate>>;

/** L-1 of the EK Credential Profile: RSA-2048. The `unique` of zeros is part of the template: another gives another key. */
export const EK_RSA_2048: PublicArea = EK_KEYS['L-1'];
/** H-3 of the EK Credential Profile: ECC P-384, `unique` empty. */
export const EK_ECC_P384: PublicArea = EK_KEYS['H-3'];

/** PolicyB of the profile over SM3-256. */
const EK_POLICY_B_SM3 = fromHex('167860a35f2c5c3567f9c927ac56c032f3b3a6462f8d037998e7a10f77fa454a') as Uint8Array;
/**
 * H-5 of the EK Credential Profile as a TPMT_PUBLIC: SM2 P-256, SM3-256, SM4-128-CFB. Bytes alone, since none of these algorithms
 * is computed here.
 */
export const EK_SM2_P256: Uint8Array = concat(
  ...[0x0023, 0x0012].map(u16be), // ecc, sm3_256
  u32be(0x000300f2),
  u16be(EK_POLICY_B_SM3.length),
  EK_POLICY_B_SM3,
  ...[0x0013, 128, 0x0043, 0x0010, 0x0020, 0x0010, 0, 0].map(u16be), // sm4 128 cfb, null, SM2_P256, null, no point
);

const STORAGE = TPMA_OBJECT.of(
  'fixedTPM',
  'fixedParent',
  'sensitiveDataOrigin',
  'userWithAuth',
  'noDA',
  'restricted',
  'decrypt',
);

/** The storage root key of the TCG Provisioning Guidance, ECC P-256, as Windows and Linux make it. */
export const SRK_ECC_P256: PublicArea = ecc('P-256', {
  nameAlg: 'sha256',
  objectAttributes: STORAGE,
  aes: 128,
  unique: new Uint8Array(32),
});
/** The same, RSA-2048. */
export const SRK_RSA_2048: PublicArea = rsa(2048, {
  nameAlg: 'sha256',
  objectAttributes: STORAGE,
  aes: 128,
  unique: new Uint8Array(256),
});

/** noDA: a lockout by dictionary-attack protection must not stop attestation. */
const ATTESTATION = {
  nameAlg: 'sha256',
  objectAttributes: TPMA_OBJECT.of(
    'fixedTPM',
    'fixedParent',
    'sensitiveDataOrigin',
    'userWithAuth',
    'noDA',
    'restricted',
    'sign',
  ),
} as const;

/** An attestation key: restricted signing, ECDSA P-256 with SHA-256. Made as a primary of the endorsement hierarchy. */
export const AK_ECC_P256: PublicArea = ecc('P-256', {
  ...ATTESTATION,
  scheme: { scheme: 'ecdsa', hashAlg: 'sha256' },
});
/** The same with RSA-2048, RSASSA and SHA-256. */
export const AK_RSA_2048: PublicArea = rsa(2048, { ...ATTESTATION, scheme: { scheme: 'rsassa', hashAlg: 'sha256' } });
/** The same with RSA-2048, RSAPSS and SHA-256. */
export const AK_RSAPSS_2048: PublicArea = rsa(2048, {
  ...ATTESTATION,
  scheme: { scheme: 'rsapss', hashAlg: 'sha256' },
});

const DEVICE_IDENTITY = TPMA_OBJECT.of(
  'fixedTPM',
  'fixedParent',
  'sensitiveDataOrigin',
  'userWithAuth',
  'adminWithPolicy',
  'sign',
);
const hex = (text: string): Uint8Array => fromHex(text) as Uint8Array;

/** The authPolicy of an IAK. TCG TPM 2.0 Keys for Device Identity and Attestation 1.0, 7.3.6.6, table 19. */
export const IAK_POLICY = {
  sha256: hex('5437182326e414fca797d5f174615a1641f61255797c3a2b22c21d120b2d1e07'),
  sha384: hex('129d94ebf84556652c6eef43bbb757512ac87e52be7b349ca6ce4d826f749fcf672f51716c5cbb605f313bf345aab312'),
  sha512: hex(
    '8060d1fb31716a29e48a6e5fece088bcfc1b278fc162255e81c3eca3544cd44af94410c3715d561cccd9e39a6cb2646d43535bb54ea88710deb5f7836bd9b586',
  ),
} as const;
/** The authPolicy of an IDevID, from the same table. */
export const IDEVID_POLICY = {
  sha256: hex('ad6b3a2284fd698a0710bf5cc1b9bdf15e2532e3f601fa4b93a6a8fa8de579ea'),
  sha384: hex('4db1aa836d0b5615df6ee53a40ef70c61c217f4303d44695925972bc927006cfa5cbdf6dc18c4dbe329b2f1542c3dd33'),
  sha512: hex(
    '7dd7500fd6c1b94f97a6af910da147301ef28f662fee06f225a4ccadda3b4e6b38e66b2f3ad5dee1a0503cd2daedb1e68cfe4f84b03a8cd22bb6a976f071a72f',
  ),
} as const;

/** The keys that a device identity may be of; H-1 to H-4 and H-6 of the specification. */
export type DeviceIdentityKind = 'rsa-2048' | 'rsa-3072' | 'ecc-p256' | 'ecc-p384' | 'ecc-p521';

/**
 * Initial attestation keys: restricted signing, `unique` "IAK". Made as a primary of the endorsement hierarchy. TCG TPM 2.0 Keys for
 * Device Identity and Attestation 1.0, 7.3.
 */
export const IAK_TEMPLATES = deviceIdentity('IAK', { ...DEVICE_IDENTITY, restricted: true }, IAK_POLICY, (hashAlg) => ({
  scheme: 'rsapss',
  hashAlg,
}));
/** Initial device identities: signing of anything, `unique` "IDEVID". From the same specification. */
export const IDEVID_TEMPLATES = deviceIdentity('IDEVID', DEVICE_IDENTITY, IDEVID_POLICY, () => ({ scheme: 'null' }));

function deviceIdentity(
  name: string,
  objectAttributes: TpmtPublic['objectAttributes'],
  policies: typeof IAK_POLICY,
  rsaScheme: (hashAlg: HashName) => TpmtRsaScheme,
): Readonly<Record<DeviceIdentityKind, PublicArea>> {
  const unique = utf8(name);
  const shape = (nameAlg: keyof typeof IAK_POLICY) => ({
    nameAlg,
    objectAttributes,
    authPolicy: policies[nameAlg],
    unique,
  });
  const ofRsa = (keyBits: number, nameAlg: keyof typeof IAK_POLICY) =>
    rsa(keyBits, { ...shape(nameAlg), scheme: rsaScheme(nameAlg) });
  const ofEcc = (curve: CurveName, nameAlg: keyof typeof IAK_POLICY) =>
    ecc(curve, { ...shape(nameAlg), scheme: { scheme: 'ecdsa', hashAlg: nameAlg } });
  return {
    'rsa-2048': ofRsa(2048, 'sha256'),
    'ecc-p256': ofEcc('P-256', 'sha256'),
    'ecc-p384': ofEcc('P-384', 'sha384'),
    'ecc-p521': ofEcc('P-521', 'sha512'),
    'rsa-3072': ofRsa(3072, 'sha384'),
  };
}

/** What the health key's attributes are, no more and no less. Its use needs the policy, its certification does not. */
export const HEALTH_KEY_ATTRIBUTES = TPMA_OBJECT.of(
  'fixedTPM',
  'fixedParent',
  'sensitiveDataOrigin',
  'noDA',
  'decrypt',
);
/** The nameAlg of a health key. */
export const HEALTH_KEY_NAME_ALG = 'sha256' satisfies HashName;

/** A host's health key: ECDH on P-256, usable under `authPolicy` alone. Made as a primary of the NULL hierarchy. */
export function healthKeyTemplate(authPolicy: Uint8Array): PublicArea {
  return ecc('P-256', {
    nameAlg: HEALTH_KEY_NAME_ALG,
    objectAttributes: HEALTH_KEY_ATTRIBUTES,
    authPolicy,
    scheme: { scheme: 'ecdh', hashAlg: 'sha256' },
  });
}
