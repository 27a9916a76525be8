import { isIP } from 'node:net';
import { join } from 'node:path';
import { utf8 } from '@sekimori/bytes';
import { Secret, type SigningKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type KeyStore, parseKeyName, softwareKeyStore } from '@sekimori/hsm';
import { exportGuardian, issueGuardian } from '@sekimori/key-protector';
import {
  type CertificateAuthority,
  issueAttestationSignerCertificate,
  issueGuardianSigningCertificate,
  issueServerCa,
  issueTlsServerCertificate,
  writeName,
  writePem,
} from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { createAdminToken, fileKeyFiles, privateFolder, writePrivateFile } from '@sekimori/service-kit';
import { addressesOf, type FullInitOptions, isWildcard } from './options.ts';

const CA_YEARS = 10;
const CERTIFICATE_YEARS = 5;
/** Clocks of hosts may be a little behind the one that issues. */
const BACKDATED_MS = 3_600_000;
const ORGANISATION = 'Sekimori';

/** Fills an empty folder: `ca`, `attestation`, `key-protection`, `admin`. Each service's part stands alone. */
export async function makeContent(folder: string, options: FullInitOptions): Promise<void> {
  const { serviceId } = options;
  const ca = await makeCa(join(folder, 'ca'), options);
  const administrator = await makeToken(join(folder, 'admin'));
  const shared = { options, ca, administrators: [administrator], audience: `key-protection.${serviceId}` };
  const signer = await makeAttestation(join(folder, 'attestation'), shared);
  await makeKeyProtection(join(folder, 'key-protection'), { ...shared, signer });
}

interface Shared {
  readonly options: FullInitOptions;
  readonly ca: CertificateAuthority;
  readonly administrators: readonly { readonly name: string; readonly sha256: string }[];
  readonly audience: string;
}

async function makeCa(folder: string, { at, serviceId }: FullInitOptions): Promise<CertificateAuthority> {
  const key = await newSigningKey(await keyStoreIn(folder), 'server-ca');
  const subject = writeName({ O: ORGANISATION, CN: `${serviceId} server CA` });
  const certificate = await issueServerCa(crypto, { subject, ...lifeOf(at, CA_YEARS), key });
  await writePrivateFile(join(folder, 'ca.pem'), pem(certificate.der));
  return { certificate, key };
}

async function makeToken(folder: string): Promise<{ readonly name: string; readonly sha256: string }> {
  expectOk(await privateFolder(folder));
  const { token, sha256 } = createAdminToken();
  await writePrivateFile(join(folder, 'token'), token);
  return { name: 'admin', sha256 };
}

/** Answers the signer's certificate, which the key protection service pins. */
async function makeAttestation(folder: string, { options, ca, administrators, audience }: Shared): Promise<Uint8Array> {
  const { at, serviceId, host, ports } = options;
  const key = await newSigningKey(await keyStoreIn(folder), 'attestation-signer');
  const signer = await issueAttestationSignerCertificate(crypto, {
    subject: writeName({ O: ORGANISATION, CN: `${serviceId} attestation signer` }),
    ...lifeOf(at, CERTIFICATE_YEARS),
    publicKey: key.publicKey,
    issuer: ca,
  });
  await writePrivateFile(join(folder, 'signer.pem'), pem(signer.der));
  await writePrivateFile(join(folder, 'ca.pem'), pem(ca.certificate.der));
  await writePrivateFile(join(folder, 'challenge.key'), new Secret(crypto.random(32)));
  await makeTls(folder, 'attestation', options, ca);
  await writeConfig(folder, {
    serviceId,
    audience,
    listen: { host, port: ports.attestation },
    tls: { key: 'tls.key', certificate: 'tls.pem' },
    database: 'attestation.sqlite',
    keys: 'keys',
    challengeKey: 'challenge.key',
    signer: { key: 'attestation-signer', certificate: 'signer.pem', ca: 'ca.pem' },
    administrators,
  });
  return signer.der;
}

async function makeKeyProtection(folder: string, parts: Shared & { readonly signer: Uint8Array }): Promise<void> {
  const { options, ca, administrators, audience, signer } = parts;
  const { at, serviceId, host, ports, guardianName } = options;
  const keys = await keyStoreIn(folder);
  const signing = await newSigningKey(keys, 'guardian-signing');
  const encryption = named('guardian-encryption');
  expectOk(await keys.generate(encryption, { use: 'agree', type: 'ec', curve: 'P-256' }));
  const agreement = expectOk(await keys.agreementKey(encryption));
  const guardian = await issueGuardian(crypto, { name: guardianName, signing, agreement, at });
  const communications = await newSigningKey(keys, 'guardian-communications');
  const certificate = await issueGuardianSigningCertificate(crypto, {
    subject: writeName({ CN: `${guardianName} communications` }),
    ...lifeOf(at, CERTIFICATE_YEARS),
    key: communications,
  });
  const metadata = await exportGuardian(crypto, guardian, { communications: { key: communications, certificate } });
  await writePrivateFile(join(folder, 'guardian.xml'), metadata);
  await writePrivateFile(join(folder, 'signers.pem'), pem(signer));
  await writePrivateFile(join(folder, 'ca.pem'), pem(ca.certificate.der));
  await makeTls(folder, 'key protection', options, ca);
  await writeConfig(folder, {
    audience,
    listen: { host, port: ports.keyProtection },
    tls: { key: 'tls.key', certificate: 'tls.pem' },
    database: 'key-protection.sqlite',
    keys: 'keys',
    guardian: { metadata: 'guardian.xml', signing: 'guardian-signing', encryption: 'guardian-encryption' },
    attestation: { serviceId, signers: 'signers.pem', url: addressesOf(options).attestation, ca: 'ca.pem' },
    administrators,
  });
}

async function makeTls(
  folder: string,
  service: string,
  { at, serviceId, host, dns }: FullInitOptions,
  issuer: CertificateAuthority,
): Promise<void> {
  const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
  const hostIsName = isIP(host) === 0;
  const certificate = await issueTlsServerCertificate(crypto, {
    subject: writeName({ O: ORGANISATION, CN: `${serviceId} ${service} service` }),
    ...lifeOf(at, CERTIFICATE_YEARS),
    publicKey: key.publicKey,
    issuer,
    dns: [...new Set([...dns, ...(hostIsName ? [host] : [])])],
    ip: hostIsName || isWildcard(host) ? [] : [host],
  });
  await writePrivateFile(join(folder, 'tls.key'), key.export());
  await writePrivateFile(join(folder, 'tls.pem'), pem(certificate.der));
}

async function keyStoreIn(folder: string): Promise<KeyStore> {
  expectOk(await privateFolder(folder));
  return softwareKeyStore(crypto, await fileKeyFiles(join(folder, 'keys')));
}

async function newSigningKey(keys: KeyStore, name: string): Promise<SigningKey> {
  expectOk(await keys.generate(named(name), { use: 'sign', type: 'ec', curve: 'P-256' }));
  return expectOk(await keys.signingKey(named(name)));
}

function named(name: string) {
  return expectOk(parseKeyName(name));
}

function lifeOf(at: Date, years: number): { readonly notBefore: Date; readonly notAfter: Date } {
  const notAfter = new Date(at);
  notAfter.setUTCFullYear(at.getUTCFullYear() + years);
  return { notBefore: new Date(at.getTime() - BACKDATED_MS), notAfter };
}

async function writeConfig(folder: string, config: object): Promise<void> {
  await writePrivateFile(join(folder, 'config.json'), utf8(`${JSON.stringify(config, null, 2)}\n`));
}

function pem(certificate: Uint8Array): Uint8Array {
  return utf8(writePem('CERTIFICATE', certificate));
}
