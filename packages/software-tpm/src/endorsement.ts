import { type Crypto, type CurveName, signatureAlgorithmFor } from '@sekimori/crypto-core';
import {
  type CertificateAuthority,
  issueEndorsementCertificate,
  issueServerCa,
  NO_EXPIRY,
  type TpmIdentity,
  writeName,
} from '@sekimori/pki';
import { EK_ECC_P384, EK_POLICY_B, EK_RSA_2048, type PublicArea, publicArea, TPMA_NV } from '@sekimori/tpm2';
import { FIRMWARE_VERSION, type Lazy, type Machine, MANUFACTURER } from './machine.ts';
import { type NvIndex, nvIndexOf } from './nv.ts';
import type { TpmObject } from './objects.ts';
import { primaryObject } from './primary.ts';

/** The «vendor» of software TPMs: a self-signed P-384 root. A verifier that trusts it trusts no hardware. */
export async function createVendorCa(crypto: Crypto, at: Date): Promise<CertificateAuthority> {
  const privateKey = await crypto.generateKey({ type: 'ec', curve: 'P-384' });
  const algorithm = signatureAlgorithmFor({ type: 'ec', curve: 'P-384' });
  const key = {
    publicKey: privateKey.publicKey,
    algorithm,
    sign: (data: Uint8Array) => privateKey.sign(algorithm, data),
  };
  const subject = writeName({ O: 'Sekimori', CN: 'Software TPM root (no hardware)' });
  const certificate = await issueServerCa(crypto, { subject, notBefore: at, notAfter: NO_EXPIRY, key });
  return { certificate, key };
}

/**
 * What a vendor does to a TPM: endorsement keys at their persistent handles, and their certificates in NV. Each is made
 * when first asked for, since RSA keys are slow to make and most TPMs of a large test never show more than one.
 */
export function endorse(
  machine: Machine,
  vendorCa: CertificateAuthority | undefined,
  at: Date,
  kinds: readonly SoftwareEndorsementKey[],
): void {
  for (const kind of kinds) {
    const { index, template } = KEYS[kind];
    const [certificate, persistent] = [FIRST_CERTIFICATE + index, FIRST_PERSISTENT + (kind === 'L-1' ? 1 : index)];
    const key = once(() => primaryObject(machine, machine.hierarchy('endorsement'), template));
    if (!machine.persistents.has(persistent)) machine.persistents.set(persistent, key);
    if (vendorCa && !machine.nvIndices.has(certificate))
      machine.nvIndices.set(
        certificate,
        once(async () => certificateIndex(machine.crypto, certificate, await key(), vendorCa, at)),
      );
  }
}

function once<T>(make: Lazy<T>): Lazy<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** Those of the EK Credential Profile that this TPM can have: H-5 is of SM2, H-7 is left out. */
export type SoftwareEndorsementKey = 'L-1' | 'L-2' | 'H-1' | 'H-2' | 'H-3' | 'H-4' | 'H-6';
/** As swtpm has them. */
export const USUAL_KEYS: readonly SoftwareEndorsementKey[] = ['L-1', 'H-3'];

const FIRST_CERTIFICATE = 0x01c00000;
/** By convention a key stands at this handle and the low byte of its certificate's index; L-1 alone does not. */
const FIRST_PERSISTENT = 0x81010000;

const highRange = (
  nameAlg: 'sha256' | 'sha384' | 'sha512',
  keyBits: 128 | 256,
  key: CurveName | 2048 | 3072,
): PublicArea => {
  const common = { symmetric: { algorithm: 'aes', keyBits, mode: 'cfb' }, scheme: { scheme: 'null' } } as const;
  const none = new Uint8Array(0);
  const { objectAttributes } = EK_ECC_P384.value;
  const own = { nameAlg, objectAttributes, authPolicy: EK_POLICY_B[nameAlg] };
  return typeof key === 'number'
    ? publicArea({
        ...own,
        type: 'rsa',
        parameters: { is: 'rsa', value: { ...common, keyBits: key, exponent: 0 } },
        unique: { is: 'rsa', value: none },
      })
    : publicArea({
        ...own,
        type: 'ecc',
        parameters: { is: 'ecc', value: { ...common, curveID: key, kdf: { scheme: 'null' } } },
        unique: { is: 'ecc', value: { x: none, y: none } },
      });
};

/** TCG EK Credential Profile, its templates: each with the low byte of its certificate's index. */
const KEYS: Readonly<Record<SoftwareEndorsementKey, { readonly index: number; readonly template: PublicArea }>> = {
  'L-1': { index: 0x02, template: EK_RSA_2048 },
  'L-2': { index: 0x0a, template: lowRangeEcc() },
  'H-1': { index: 0x12, template: highRange('sha256', 128, 2048) },
  'H-2': { index: 0x14, template: highRange('sha256', 128, 'P-256') },
  'H-3': { index: 0x16, template: EK_ECC_P384 },
  'H-4': { index: 0x18, template: highRange('sha512', 256, 'P-521') },
  'H-6': { index: 0x1c, template: highRange('sha384', 256, 3072) },
};

/** L-2: as L-1, on P-256, with a `unique` of zeros. */
function lowRangeEcc(): PublicArea {
  const zeros = { x: new Uint8Array(32), y: new Uint8Array(32) };
  const { parameters, type } = highRange('sha256', 128, 'P-256').value;
  const unique = { is: 'ecc', value: zeros } as const;
  return publicArea({ ...EK_RSA_2048.value, type, parameters, unique });
}

/** As the platform's maker leaves it: read by everybody, written by nobody. */
const CERTIFICATE_ATTRIBUTES = TPMA_NV.of(
  'ppWrite',
  'writeDefine',
  'ppRead',
  'ownerRead',
  'authRead',
  'noDA',
  'written',
  'platformCreate',
);

async function certificateIndex(
  crypto: Crypto,
  nvIndex: number,
  key: TpmObject,
  vendorCa: CertificateAuthority,
  at: Date,
): Promise<NvIndex> {
  if (key.key === undefined || key.key.type === 'keyedhash') throw new Error('an endorsement key has a private part');
  const { privateKey } = key.key.type === 'rsa' ? key.key : key.key.ecKey;
  const { publicKey } = privateKey;
  const { der: data } = await issueEndorsementCertificate(crypto, {
    notBefore: at,
    notAfter: NO_EXPIRY,
    publicKey,
    tpm: IDENTITY,
    issuer: vendorCa,
  });
  const area = {
    nvIndex,
    nameAlg: 'sha256',
    attributes: CERTIFICATE_ATTRIBUTES,
    authPolicy: new Uint8Array(0),
    dataSize: data.length,
  } as const;
  return nvIndexOf(crypto, area, { data });
}

/** What the certificates call the TPM. */
const IDENTITY: TpmIdentity = {
  manufacturer: MANUFACTURER.toString(16).padStart(8, '0'),
  model: 'software-tpm',
  version: `id:${(FIRMWARE_VERSION >> 32n).toString(16).padStart(8, '0').toUpperCase()}`,
};
