import type { EcPublicKey, PrivateKey, SigningKey } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import {
  type CertificateAuthority,
  type Certificate,
  issueAttestationSignerCertificate,
  issueServerCa,
  writeName,
} from '@sekimori/pki';
import { type Claims, type HealthExpectation, parseHostId } from '../../src/index.ts';

export const at = new Date('2026-07-01T12:00:00Z');
export const later = (minutes: number) => new Date(at.getTime() + 60_000 * minutes);

export const claims: Claims = {
  hostId: parseHostId('8d2f0e52-6d4e-4b1c-9d0c-1f2e3d4c5b6a')!,
  hostName: 'node7.example',
  mode: 'tpm',
  group: 'default',
  level: 'measured',
  keyIsolation: 'none',
  ekHash: new Uint8Array(32).fill(1),
  akName: Uint8Array.from([0, 11, ...new Uint8Array(32).fill(2)]),
  resetCount: 7,
  restartCount: 4_294_967_295,
  policyDigest: new Uint8Array(32).fill(3),
  policyVersion: 12,
  evidenceTime: new Date(at.getTime() - 120),
  audience: 'kps.example',
  cnf: nodeCrypto.hash('sha256', Uint8Array.of(1, 2, 3)),
};

export interface Setting {
  readonly ca: CertificateAuthority;
  readonly signer: SigningKey;
  readonly signerCertificate: Certificate;
  readonly healthKey: EcPublicKey;
}

export function signingKeyOf(key: PrivateKey): SigningKey {
  return { publicKey: key.publicKey, algorithm: 'ecdsa-sha256', sign: (data) => key.sign('ecdsa-sha256', data) };
}

export const newKey = () => nodeCrypto.generateKey({ type: 'ec', curve: 'P-256' });

export async function newSetting(signerLife = later(1_000_000)): Promise<Setting> {
  const [caKey, signer, health] = [signingKeyOf(await newKey()), signingKeyOf(await newKey()), await newKey()];
  const life = { notBefore: later(-1000), notAfter: signerLife };
  const subject = writeName({ O: 'Sekimori', CN: 'server CA' });
  const ca = { key: caKey, certificate: await issueServerCa(nodeCrypto, { subject, ...life, key: caKey }) };
  const signerCertificate = await issueAttestationSignerCertificate(nodeCrypto, {
    subject: writeName({ O: 'Sekimori', CN: 'attestation signer 1' }),
    ...life,
    publicKey: signer.publicKey,
    issuer: ca,
  });
  if (health.publicKey.type !== 'ec') throw new Error('an EC key was asked for');
  return { ca, signer, signerCertificate, healthKey: health.publicKey };
}

export function expectation(setting: Setting, more: Partial<HealthExpectation> = {}): HealthExpectation {
  return {
    signers: [{ certificate: setting.signerCertificate }],
    at,
    audience: 'kps.example',
    minimumLevel: 'measured',
    isRevoked: () => false,
    ...more,
  };
}
