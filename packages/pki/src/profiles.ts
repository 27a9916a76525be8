import type { Crypto, PublicKey, SigningKey } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { type Certificate, parseCertificate } from './certificate.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  keyIdentifierOf,
  keyUsage,
  subjectAlternativeName,
  subjectKeyIdentifier,
} from './extension-writers.ts';
import { issueCertificate, randomSerial } from './issue.ts';
import { PURPOSE } from './oids.ts';

interface Common {
  /** DER, from `writeName`. */
  readonly subject: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A CA certificate with the key that goes with it. */
export interface CertificateAuthority {
  readonly certificate: Certificate;
  readonly key: SigningKey;
}

/** Self-signed: the server CA, over attestation signers and TLS certificates. One CA may stand below it. */
export function issueServerCa(crypto: Crypto, parts: Common & { readonly key: SigningKey }): Promise<Certificate> {
  return selfSigned(crypto, parts, [basicConstraints(true, 1), keyUsage('keyCertSign', 'cRLSign')]);
}

/**
 * The CA over health certificates, and nothing below those; it signs revocation statements too. Its purpose binds what it issues
 * (RFC 5280 section 4.2.1.12, as TLS libraries apply it to issuers): it stands under the server CA, and whoever has its key must
 * not be able to make TLS servers.
 */
export function issueAttestationSignerCertificate(
  crypto: Crypto,
  parts: Common & { readonly publicKey: PublicKey; readonly issuer: CertificateAuthority },
): Promise<Certificate> {
  return issuedBy(crypto, parts, [
    basicConstraints(true, 0),
    keyUsage('digitalSignature', 'keyCertSign'),
    extendedKeyUsage(true, PURPOSE.hostHealth),
  ]);
}

/** TLS 1.3 server. */
export async function issueTlsServerCertificate(
  crypto: Crypto,
  parts: Common & {
    readonly publicKey: PublicKey;
    readonly issuer: CertificateAuthority;
    readonly dns: readonly string[];
    readonly ip: readonly string[];
  },
): Promise<Certificate> {
  return issuedBy(crypto, parts, [
    basicConstraints(false),
    keyUsage('digitalSignature'),
    extendedKeyUsage(false, PURPOSE.serverAuth),
    subjectAlternativeName(parts),
  ]);
}

/** Self-signed: a host's client certificate, known by its key alone. */
export function issueTlsClientCertificate(
  crypto: Crypto,
  parts: Common & { readonly key: SigningKey },
): Promise<Certificate> {
  return selfSigned(crypto, parts, [
    basicConstraints(false),
    keyUsage('digitalSignature'),
    extendedKeyUsage(false, PURPOSE.clientAuth),
  ]);
}

/** Self-signed: the signing half of a guardian. */
export function issueGuardianSigningCertificate(
  crypto: Crypto,
  parts: Common & { readonly key: SigningKey },
): Promise<Certificate> {
  return selfSigned(crypto, parts, [basicConstraints(false), keyUsage('digitalSignature')]);
}

/**
 * The encryption half of a guardian, signed by its signing half, since an agreement key signs nothing. Guardians are trusted
 * by their keys, one by one, so this is no chain: it shows that who has the signing key stands by the encryption key.
 */
export function issueGuardianEncryptionCertificate(
  crypto: Crypto,
  parts: Common & { readonly publicKey: PublicKey; readonly issuer: CertificateAuthority },
): Promise<Certificate> {
  const usage = parts.publicKey.type === 'rsa' ? 'keyEncipherment' : 'keyAgreement';
  return issuedBy(crypto, parts, [basicConstraints(false), keyUsage(usage)]);
}

async function selfSigned(
  crypto: Crypto,
  parts: Common & { readonly key: SigningKey },
  extensions: readonly Uint8Array[],
): Promise<Certificate> {
  const { publicKey } = parts.key;
  const identifier = keyIdentifierOf(crypto, publicKey);
  return issue(crypto, { ...parts, publicKey }, parts.subject, identifier, extensions, parts.key);
}

async function issuedBy(
  crypto: Crypto,
  parts: Common & { readonly publicKey: PublicKey; readonly issuer: CertificateAuthority },
  extensions: readonly Uint8Array[],
): Promise<Certificate> {
  const { certificate, key } = parts.issuer;
  const identifier = certificate.extensions.subjectKeyIdentifier ?? keyIdentifierOf(crypto, key.publicKey);
  return issue(crypto, parts, certificate.subject.der, identifier, extensions, key);
}

async function issue(
  crypto: Crypto,
  parts: Common & { readonly publicKey: PublicKey },
  issuer: Uint8Array,
  issuerKeyIdentifier: Uint8Array,
  extensions: readonly Uint8Array[],
  signer: SigningKey,
): Promise<Certificate> {
  const { subject, notBefore, notAfter, publicKey } = parts;
  const identifiers = [
    subjectKeyIdentifier(keyIdentifierOf(crypto, publicKey)),
    authorityKeyIdentifier(issuerKeyIdentifier),
  ];
  const bytes = await issueCertificate(
    {
      serial: randomSerial(crypto),
      issuer,
      subject,
      notBefore,
      notAfter,
      publicKey,
      extensions: [...extensions, ...identifiers],
    },
    signer,
  );
  return expectOk(parseCertificate(bytes));
}
