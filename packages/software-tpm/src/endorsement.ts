import { type Crypto, signatureAlgorithmFor } from '@sekimori/crypto-core';
import {
  type CertificateAuthority,
  issueEndorsementCertificate,
  issueServerCa,
  NO_EXPIRY,
  type TpmIdentity,
  writeName,
} from '@sekimori/pki';
import { EK_TEMPLATES, type EkTemplateName, TPMA_NV } from '@sekimori/tpm2';
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
  kinds: readonly EkTemplateName[],
): void {
  for (const kind of kinds) {
    const { key: template, persistentHandle, certificateIndex } = EK_TEMPLATES[kind];
    const key = once(() => primaryObject(machine, machine.hierarchy('endorsement'), template));
    if (!machine.persistents.has(persistentHandle)) machine.persistents.set(persistentHandle, key);
    if (vendorCa && !machine.nvIndices.has(certificateIndex))
      machine.nvIndices.set(
        certificateIndex,
        once(async () => certificateIn(machine.crypto, certificateIndex, await key(), vendorCa, at)),
      );
  }
}

function once<T>(make: Lazy<T>): Lazy<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** As swtpm has them. */
export const USUAL_KEYS: readonly EkTemplateName[] = ['L-1', 'H-3'];

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

async function certificateIn(
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
