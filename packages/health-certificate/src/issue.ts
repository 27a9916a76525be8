import { type Crypto, der, type EcPublicKey, sameKey, type SigningKey } from '@sekimori/crypto-core';
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Certificate,
  type CertificateTemplate,
  certificateTemplate,
  extendedKeyUsage,
  keyIdentifierOf,
  keyUsage,
  randomSerial,
  writeName,
} from '@sekimori/pki';
import { toHex } from '@sekimori/bytes';
import type { Claims } from './claims.ts';
import { writeClaims } from './claims-der.ts';
import { HOST_HEALTH, HOST_HEALTH_CLAIMS } from './oids.ts';

export interface HealthCertificateRequest {
  readonly signer: SigningKey;
  /** The attestation signer's certificate for that key. */
  readonly signerCertificate: Certificate;
  /** EC P-256, certified by the host's AK. */
  readonly healthKey: EcPublicKey;
  readonly claims: Claims;
  readonly notBefore: Date;
  /** Counted from the challenge, so that a slow answer makes no longer trust. */
  readonly notAfter: Date;
}

export interface IssuedHealthCertificate {
  readonly der: Uint8Array;
  /** Hex, as revocations name it. */
  readonly serial: string;
  /** As it stands in the certificate: whole seconds, and never past the signer's own end. */
  readonly notAfter: Date;
}

const CLAIMS_TYPE = der.oid(HOST_HEALTH_CLAIMS);
/** What does not change for one signer certificate is written once. */
const templates = new WeakMap<Certificate, CertificateTemplate>();

/** Throws when signer, key and times do not fit together: that is a mistake of the service, not of the host. */
export async function issueHealthCertificate(
  crypto: Crypto,
  request: HealthCertificateRequest,
): Promise<IssuedHealthCertificate> {
  const { signer, signerCertificate, healthKey, claims } = request;
  if (healthKey.type !== 'ec' || healthKey.curve !== 'P-256') throw new RangeError('a health key is EC P-256');
  const notAfter = wholeSeconds(Math.min(request.notAfter.getTime(), signerCertificate.notAfter.getTime()));
  const serial = randomSerial(crypto);
  const bytes = await templateFor(
    crypto,
    signer,
    signerCertificate,
  )(
    {
      serial,
      subject: writeName({ O: 'Sekimori', CN: claims.hostId }),
      notBefore: wholeSeconds(request.notBefore.getTime()),
      notAfter,
      publicKey: healthKey,
      extensions: [der.sequence(CLAIMS_TYPE, der.octetString(writeClaims(claims)))],
    },
    signer,
  );
  return { der: bytes, serial: toHex(serial), notAfter };
}

function templateFor(crypto: Crypto, signer: SigningKey, certificate: Certificate): CertificateTemplate {
  const certified = certificate.publicKey(crypto);
  if (!certified.ok || !sameKey(certified.value, signer.publicKey))
    throw new Error('the signer certificate is for another key');
  const known = templates.get(certificate);
  if (known) return known;
  const identifier = certificate.extensions.subjectKeyIdentifier ?? keyIdentifierOf(crypto, signer.publicKey);
  const made = certificateTemplate({
    issuer: certificate.subject.der,
    algorithm: signer.algorithm,
    extensions: [
      basicConstraints(false),
      keyUsage('keyAgreement'),
      extendedKeyUsage(true, HOST_HEALTH),
      authorityKeyIdentifier(identifier),
    ],
  });
  templates.set(certificate, made);
  return made;
}

function wholeSeconds(millis: number): Date {
  return new Date(Math.floor(millis / 1000) * 1000);
}
