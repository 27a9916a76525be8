import { agreementKeyOf, type Crypto, type EcPublicKey, type PrivateKey, signingKeyOf } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { issueHealthCertificate, parseHostId, VerifiedHealthCertificate } from '@sekimori/health-certificate';
import { type KeyStore, memoryKeyStore, parseKeyName } from '@sekimori/hsm';
import { createGuardian, type GuardianKeys, issueGuardian, newKeyProtector } from '@sekimori/key-protector';
import { issueAttestationSignerCertificate, issueServerCa, writeName } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';

export const crypto: Crypto = nodeCrypto;
const AT = new Date('2031-02-03T04:05:06Z');
const later = (minutes: number) => new Date(AT.getTime() + 60_000 * minutes);

/** The guardian of a key protection service, its keys in a key store. */
export async function serviceGuardian(name: string, store: KeyStore = memoryKeyStore(crypto)): Promise<GuardianKeys> {
  const [signing, encryption] = ['signing', 'encryption'].map((text) => expectOk(parseKeyName(text)));
  expectOk(await store.generate(signing!, { use: 'sign', type: 'ec', curve: 'P-256' }));
  expectOk(await store.generate(encryption!, { use: 'agree', type: 'ec', curve: 'P-256' }));
  return issueGuardian(crypto, {
    name,
    signing: expectOk(await store.signingKey(signing!)),
    agreement: expectOk(await store.agreementKey(encryption!)),
    at: AT,
  });
}

export const owner = (await createGuardian(crypto, 'Owner', AT)).keys;
export const fabric = await serviceGuardian('Fabric');

export async function aProtector(guardians: readonly GuardianKeys[] = [fabric]) {
  const parts = { owner, guardians: guardians.map((keys) => keys.guardian), at: AT };
  return expectOk(await newKeyProtector(crypto, parts));
}

const ca = await (async () => {
  const key = signingKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-256' }));
  const subject = writeName({ CN: 'server CA' });
  const certificate = await issueServerCa(crypto, { subject, notBefore: AT, notAfter: later(1e6), key });
  return { key, certificate };
})();

export interface Host {
  readonly healthCertificate: VerifiedHealthCertificate;
  readonly healthKey: EcPublicKey;
  /** In a real host this key is in the TPM; here it plays TPM2_ECDH_ZGen. */
  readonly tpm: PrivateKey;
  readonly clientKeyHash: Uint8Array;
}

export async function aHost(): Promise<Host> {
  const tpm = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
  const healthKey = agreementKeyOf(tpm).publicKey;
  const signer = signingKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-256' }));
  const life = { notBefore: AT, notAfter: later(1e5) };
  const signerCertificate = await issueAttestationSignerCertificate(crypto, {
    subject: writeName({ CN: 'attestation signer' }),
    ...life,
    publicKey: signer.publicKey,
    issuer: ca,
  });
  const clientKeyHash = crypto.hash('sha256', crypto.random(32));
  const issued = await issueHealthCertificate(crypto, {
    signer,
    signerCertificate,
    healthKey,
    notBefore: AT,
    notAfter: later(480),
    claims: {
      hostId: parseHostId('8d2f0e52-6d4e-4b1c-9d0c-1f2e3d4c5b6a')!,
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
      evidenceTime: AT,
      audience: 'kps.example',
      cnf: clientKeyHash,
    },
  });
  const verified = VerifiedHealthCertificate.verify(crypto, issued.der, {
    signers: [{ certificate: signerCertificate }],
    at: later(1),
    audience: 'kps.example',
    minimumLevel: 'measured',
    isRevoked: () => false,
  });
  return { healthCertificate: expectOk(verified), healthKey, tpm, clientKeyHash };
}
