import { equal } from '@sekimori/bytes';
import type { Crypto, EcPublicKey } from '@sekimori/crypto-core';
import { type Certificate, EXTENSION, parseCertificate, verifySignature } from '@sekimori/pki';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import { type Claims, isAtLeast, KEY_ISOLATIONS, type KeyIsolation, type Level, LEVELS } from './claims.ts';
import { readClaims } from './claims-der.ts';
import { HOST_HEALTH, HOST_HEALTH_CLAIMS } from './oids.ts';

/** An attestation signer, pinned by itself: the CA above it proves nothing here. */
export interface TrustedSigner {
  readonly certificate: Certificate;
  /** Refuses certificates over evidence older than this: after a policy was tightened or a signer was lost. */
  readonly denyIssuedBefore?: Date;
}

export interface HealthExpectation {
  /** An empty list trusts nobody. */
  readonly signers: readonly TrustedSigner[];
  readonly at: Date;
  /** Our own name, as the claims must have it. */
  readonly audience: string;
  readonly minimumLevel: Level;
  /** Default 'none'. */
  readonly minimumKeyIsolation?: KeyIsolation;
  /** Whether the certificate with these claims and this serial number (lower-case hex), or its host, is revoked. */
  readonly isRevoked: (claims: Pick<Claims, 'hostId' | 'evidenceTime'>, serial: string) => boolean;
}

export type HealthCertificateFault = Fault<
  | 'certificate-malformed'
  | 'certificate-untrusted'
  | 'certificate-signature'
  | 'certificate-signer-expired'
  | 'certificate-critical-extension'
  | 'certificate-profile'
  | 'certificate-not-yet-valid'
  | 'certificate-expired'
  | 'certificate-denied'
  | 'certificate-revoked'
  | 'certificate-audience'
  | 'certificate-level'
  | 'certificate-key-isolation'
>;

/** Extensions that the profile has; any other that is critical is refused. */
const PROCESSED: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extendedKeyUsage,
  EXTENSION.authorityKeyIdentifier,
  HOST_HEALTH_CLAIMS,
]);

/** A health certificate that held, at the moment it was checked: signature, profile, life, revocation, audience, floors. */
export class VerifiedHealthCertificate {
  readonly certificate: Certificate;
  /** The host's key that may receive what is released. */
  readonly healthKey: EcPublicKey;
  readonly claims: Claims;
  readonly signer: Certificate;

  private constructor(certificate: Certificate, healthKey: EcPublicKey, claims: Claims, signer: Certificate) {
    this.certificate = certificate;
    this.healthKey = healthKey;
    this.claims = claims;
    this.signer = signer;
  }

  get serial(): string {
    return this.certificate.serial;
  }
  get notAfter(): Date {
    return this.certificate.notAfter;
  }

  /** SHA-256 of the certificate, as it is bound to what is sealed to the health key. */
  digest(crypto: Crypto): Uint8Array {
    return crypto.hash('sha256', this.certificate.der);
  }

  /** Whether this is the TLS client key the certificate was issued to: its SubjectPublicKeyInfo, DER. */
  isConfirmedBy(crypto: Crypto, clientSpki: Uint8Array): boolean {
    return equal(crypto.hash('sha256', clientSpki), this.claims.cnf);
  }

  /** In the order of `HealthCertificateFault`; nothing inside is believed before the signature of a pinned signer held. */
  static verify(
    this: void,
    crypto: Crypto,
    leafDer: Uint8Array,
    expected: HealthExpectation,
  ): Result<VerifiedHealthCertificate, HealthCertificateFault> {
    const parsed = parseCertificate(leafDer);
    if (!parsed.ok) return parsed;
    const leaf = parsed.value;
    const candidates = expected.signers.filter(({ certificate }) => mayHaveIssued(certificate, leaf));
    if (candidates.length === 0)
      return fail('certificate-untrusted', `'${leaf.issuer.text}' is not a trusted attestation signer`);
    const signers = candidates.filter(({ certificate }) => isSignedBy(crypto, leaf, certificate));
    if (signers.length === 0) return fail('certificate-signature', 'not signed by the attestation signer it names');
    // one key may be pinned by two certificates, where a signer was renewed
    const signer = signers.find(({ certificate }) => isValid(certificate, expected.at));
    if (!signer) return fail('certificate-signer-expired', `'${leaf.issuer.text}' is not valid at this time`);

    const profile = checkProfile(crypto, leaf);
    if (!profile.ok) return profile;
    const { claims, healthKey } = profile.value;
    if (expected.at.getTime() < leaf.notBefore.getTime())
      return fail('certificate-not-yet-valid', `valid from ${leaf.notBefore.toISOString()}`);
    // the negations, here and below, so that an invalid Date refuses
    if (!(expected.at.getTime() <= leaf.notAfter.getTime()))
      return fail('certificate-expired', `ended at ${leaf.notAfter.toISOString()}`);
    const evidenceTime = claims.evidenceTime.getTime();
    if (signers.some(({ denyIssuedBefore }) => denyIssuedBefore && !(evidenceTime >= denyIssuedBefore.getTime())))
      return fail('certificate-denied', `evidence of ${claims.evidenceTime.toISOString()} is no longer accepted`);
    if (expected.isRevoked(claims, leaf.serial))
      return fail('certificate-revoked', 'the certificate or its host is revoked');
    if (claims.audience !== expected.audience) return fail('certificate-audience', `it is for '${claims.audience}'`);
    if (!isAtLeast(LEVELS, claims.level, expected.minimumLevel))
      return fail('certificate-level', `level ${claims.level}, ${expected.minimumLevel} is due`);
    const isolation = expected.minimumKeyIsolation ?? 'none';
    if (!isAtLeast(KEY_ISOLATIONS, claims.keyIsolation, isolation))
      return fail('certificate-key-isolation', `key isolation ${claims.keyIsolation}, ${isolation} is due`);
    return ok(new VerifiedHealthCertificate(leaf, healthKey, claims, signer.certificate));
  }
}

/** Exactly what `issueHealthCertificate` makes: a leaf for key agreement under our purpose, with claims, over a P-256 key. */
function checkProfile(
  crypto: Crypto,
  leaf: Certificate,
): Result<{ readonly claims: Claims; readonly healthKey: EcPublicKey }, HealthCertificateFault> {
  const { all, basicConstraints, extendedKeyUsage, keyUsage } = leaf.extensions;
  for (const { oid, critical } of all.values())
    if (critical && !PROCESSED.has(oid))
      return fail('certificate-critical-extension', `the critical extension ${oid} is not known`);
  if (basicConstraints?.ca) return fail('certificate-profile', 'a health certificate is not a CA');
  if (keyUsage?.size !== 1 || !keyUsage.has('keyAgreement') || !all.get(EXTENSION.keyUsage)?.critical)
    return fail('certificate-profile', 'the key usage must be keyAgreement alone, critical');
  if (
    extendedKeyUsage?.length !== 1 ||
    extendedKeyUsage[0] !== HOST_HEALTH ||
    !all.get(EXTENSION.extendedKeyUsage)?.critical
  )
    return fail('certificate-profile', 'the purpose must be host health alone, critical');
  const key = leaf.publicKey(crypto);
  if (!key.ok || key.value.type !== 'ec' || key.value.curve !== 'P-256')
    return fail('certificate-profile', 'the health key must be EC P-256');
  const extension = all.get(HOST_HEALTH_CLAIMS);
  if (!extension) return fail('certificate-profile', 'there are no claims');
  const claims = readClaims(extension.value);
  return claims.ok ? ok({ claims: claims.value, healthKey: key.value }) : claims;
}

/** A pinned certificate that may sign others, of that name, and of that key identifier where both tell one. */
function mayHaveIssued(signer: Certificate, leaf: Certificate): boolean {
  const { basicConstraints, keyUsage, subjectKeyIdentifier } = signer.extensions;
  const named = leaf.extensions.authorityKeyIdentifier;
  return (
    basicConstraints?.ca === true &&
    keyUsage?.has('keyCertSign') === true &&
    signer.subject.matches(leaf.issuer) &&
    (!named || !subjectKeyIdentifier || equal(named, subjectKeyIdentifier))
  );
}

function isSignedBy(crypto: Crypto, leaf: Certificate, signer: Certificate): boolean {
  const key = signer.publicKey(crypto);
  return key.ok && !leaf.signatureAlgorithm.weak && verifySignature(crypto, leaf, key.value);
}

function isValid(certificate: Certificate, at: Date): boolean {
  return at.getTime() >= certificate.notBefore.getTime() && at.getTime() <= certificate.notAfter.getTime();
}
