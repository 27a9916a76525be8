import { type AgreementKey, agreementKeyOf, type EcPublicKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import {
  type Claims,
  issueHealthCertificate,
  type IssuedHealthCertificate,
  parseHostId,
  type RevocationStatement,
  signRevocationStatement,
} from '@sekimori/health-certificate';
import { createGuardian, type Guardian, newKeyProtector, type NewProtector } from '@sekimori/key-protector';
import type { CertificateAuthority } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { createAttestationSigner, createServerCa, createTlsClient, START, type TlsIdentity } from '@sekimori/testkit';

export { crypto };
export const SERVICE_ID = 'hgs.example';
export const AUDIENCE = 'kps.example';
export const HOST_ID = parseHostId('8d2f0e52-6d4e-4b1c-9d0c-1f2e3d4c5b6a')!;
const HOUR = 3_600_000;

export const serverCa = await createServerCa(crypto);
/** The one that is pinned. */
export const signer = await createAttestationSigner(crypto, serverCa);
export const owner = (await createGuardian(crypto, 'Owner', START)).keys;

/** A host with a health certificate. Its health key, which a TPM would hold, is in this process. */
export interface Host {
  readonly tls: TlsIdentity;
  readonly agreement: AgreementKey;
  readonly certificate: IssuedHealthCertificate;
}

export async function aHost(changes: CertificateChanges = {}): Promise<Host> {
  const agreement = agreementKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-256' }));
  const tls = changes.tls ?? (await createTlsClient(crypto));
  return { tls, agreement, certificate: await aHealthCertificate(agreement.publicKey, { ...changes, tls }) };
}

interface CertificateChanges {
  readonly tls?: TlsIdentity;
  readonly claims?: Partial<Claims>;
  readonly by?: CertificateAuthority;
  readonly life?: { readonly notBefore: Date; readonly notAfter: Date };
}

export async function aHealthCertificate(
  healthKey: EcPublicKey,
  { tls, claims, by = signer, life }: CertificateChanges & { readonly tls: TlsIdentity },
): Promise<IssuedHealthCertificate> {
  return issueHealthCertificate(crypto, {
    signer: by.key,
    signerCertificate: by.certificate,
    healthKey,
    notBefore: START,
    notAfter: new Date(START.getTime() + 8 * HOUR),
    ...life,
    claims: {
      hostId: HOST_ID,
      mode: 'tpm',
      group: 'default',
      level: 'measured',
      keyIsolation: 'none',
      ekHash: new Uint8Array(32).fill(1),
      akName: Uint8Array.of(0, 11, ...new Uint8Array(32).fill(2)),
      resetCount: 1,
      restartCount: 0,
      policyDigest: new Uint8Array(32).fill(3),
      policyVersion: 1,
      evidenceTime: START,
      audience: AUDIENCE,
      cnf: crypto.hash('sha256', tls.spki),
      ...claims,
    },
  });
}

/** Of the owner, for these guardians. */
export async function aProtector(...guardians: readonly Guardian[]): Promise<NewProtector> {
  return expectOk(await newKeyProtector(crypto, { owner, guardians, at: START }));
}

export function aStatement(changes: Partial<RevocationStatement> = {}, by = signer): Promise<string> {
  const statement = { issuer: SERVICE_ID, number: 1, at: START, hosts: [], ...changes };
  return signRevocationStatement(crypto, statement, by.key);
}
