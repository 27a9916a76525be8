import { equal, lengthPrefixed, toHex } from '@sekimori/bytes';
import {
  type AgreementKey,
  agreementKeyOf,
  type Crypto,
  type EcPublicKey,
  type PrivateKey,
  type SigningKey,
  sameKey,
  signingKeyOf,
} from '@sekimori/crypto-core';
import {
  type Certificate,
  issueGuardianEncryptionCertificate,
  issueGuardianSigningCertificate,
  type KeyUsage,
  NAME_ATTRIBUTE,
  parseCertificate,
  writeName,
} from '@sekimori/pki';
import { expectOk, type Fault, type Result, fail, ok } from '@sekimori/result';
import { SEKIMORI_1 } from './sekimori-1.ts';

/**
 * `guardian-certificate`: a certificate that is malformed, or not for its part (P-256; digitalSignature alone for signing,
 * keyAgreement alone for encryption; two different keys). `guardian-signature`: the signing key did not sign the encryption
 * certificate.
 */
export type GuardianFault = Fault<'guardian-certificate' | 'guardian-signature'>;

export interface GuardianParts {
  /** DER. */
  readonly signingCertificate: Uint8Array;
  /** DER. */
  readonly encryptionCertificate: Uint8Array;
  /** Raw r||s by the signing key over the encryption certificate's DER. */
  readonly encryptionCertificateSignature: Uint8Array;
}

/**
 * The public half of one who may own or open protectors: two certificates that belong together. Having one shows that,
 * and nothing about who it is: that is what comparing the fingerprint out of band is for.
 */
export class Guardian {
  /** The signing certificate's common name, for people; anybody can call themselves anything. */
  readonly name: string;
  readonly signingCertificate: Certificate;
  readonly encryptionCertificate: Certificate;
  readonly encryptionCertificateSignature: Uint8Array;
  readonly signingKey: EcPublicKey;
  readonly encryptionKey: EcPublicKey;
  /** SHA-256 over lv(signing certificate DER) || lv(encryption certificate DER). */
  readonly digest: Uint8Array;

  private constructor(
    signing: { readonly certificate: Certificate; readonly key: EcPublicKey },
    encryption: { readonly certificate: Certificate; readonly key: EcPublicKey },
    signature: Uint8Array,
    digest: Uint8Array,
  ) {
    this.name = signing.certificate.subject.values(NAME_ATTRIBUTE.CN)[0] ?? '';
    this.signingCertificate = signing.certificate;
    this.encryptionCertificate = encryption.certificate;
    this.encryptionCertificateSignature = signature;
    this.signingKey = signing.key;
    this.encryptionKey = encryption.key;
    this.digest = digest;
  }

  /** Hex of `digest`: what is compared out of band. */
  get fingerprint(): string {
    return toHex(this.digest);
  }

  /** The same two certificates, byte for byte. */
  equals(other: Guardian): boolean {
    return equal(this.digest, other.digest);
  }

  static verify(crypto: Crypto, parts: GuardianParts): Result<Guardian, GuardianFault> {
    const signing = certificateFor(crypto, parts.signingCertificate, 'digitalSignature');
    if (!signing.ok) return signing;
    const encryption = certificateFor(crypto, parts.encryptionCertificate, 'keyAgreement');
    if (!encryption.ok) return encryption;
    if (sameKey(signing.value.key, encryption.value.key))
      return fail('guardian-certificate', 'one key for signing and encryption');
    const signature = Uint8Array.from(parts.encryptionCertificateSignature);
    const { algorithm } = SEKIMORI_1.signature;
    const signedDer = encryption.value.certificate.der;
    if (!crypto.verify(signing.value.key, algorithm, signedDer, signature))
      return fail('guardian-signature', 'the encryption certificate is not signed by the signing key');
    const digest = crypto.hash('sha256', lengthPrefixed(signing.value.certificate.der, signedDer));
    return ok(new Guardian(signing.value, encryption.value, signature, digest));
  }
}

/** A guardian with the use of its private keys, wherever they live. */
export class GuardianKeys {
  readonly guardian: Guardian;
  readonly signing: SigningKey;
  readonly agreement: AgreementKey;

  private constructor(guardian: Guardian, signing: SigningKey, agreement: AgreementKey) {
    this.guardian = guardian;
    this.signing = signing;
    this.agreement = agreement;
  }

  /** `guardian-keys`: these are not the keys of the certificates, or not of this profile. */
  static of(
    guardian: Guardian,
    signing: SigningKey,
    agreement: AgreementKey,
  ): Result<GuardianKeys, Fault<'guardian-keys'>> {
    const isTheirs =
      sameKey(signing.publicKey, guardian.signingKey) && sameKey(agreement.publicKey, guardian.encryptionKey);
    if (!isTheirs || signing.algorithm !== SEKIMORI_1.signature.algorithm)
      return fail('guardian-keys', 'the keys are not those of the guardian');
    return ok(new GuardianKeys(guardian, signing, agreement));
  }
}

/** How long the certificates of a new guardian say that they are good. Expiry warns; it does not close a protector. */
const YEARS = 10;

/** A guardian over keys that exist, P-256 both: makes its two certificates, self-issued. `name`: 1 to 64 characters. */
export async function issueGuardian(
  crypto: Crypto,
  parts: { readonly name: string; readonly signing: SigningKey; readonly agreement: AgreementKey; readonly at: Date },
): Promise<GuardianKeys> {
  const { name, signing, agreement, at } = parts;
  if (name.length === 0 || name.length > 64) throw new RangeError('a guardian has a name of 1 to 64 characters');
  const notAfter = new Date(at);
  notAfter.setUTCFullYear(at.getUTCFullYear() + YEARS);
  const common = { subject: writeName({ CN: name }), notBefore: at, notAfter };
  const certificate = await issueGuardianSigningCertificate(crypto, { ...common, key: signing });
  const { der: encryptionCertificate } = await issueGuardianEncryptionCertificate(crypto, {
    ...common,
    publicKey: agreement.publicKey,
    issuer: { certificate, key: signing },
  });
  const guardian = Guardian.verify(crypto, {
    signingCertificate: certificate.der,
    encryptionCertificate,
    encryptionCertificateSignature: await signing.sign(encryptionCertificate),
  });
  return expectOk(GuardianKeys.of(expectOk(guardian), signing, agreement));
}

/** A guardian with fresh keys in the memory of this process; `privateKeys` are for whoever stores them. */
export async function createGuardian(
  crypto: Crypto,
  name: string,
  at: Date,
): Promise<{
  readonly keys: GuardianKeys;
  readonly privateKeys: { readonly signing: PrivateKey; readonly encryption: PrivateKey };
}> {
  const spec = { type: 'ec', curve: SEKIMORI_1.curve } as const;
  const [signing, encryption] = [await crypto.generateKey(spec), await crypto.generateKey(spec)];
  const handles = { signing: signingKeyOf(signing), agreement: agreementKeyOf(encryption) };
  return { keys: await issueGuardian(crypto, { name, ...handles, at }), privateKeys: { signing, encryption } };
}

/**
 * The key usage is part of the check: a signature over an encryption certificate then never passes for one over a signing
 * certificate, though both are made by signing keys over certificates.
 */
function certificateFor(
  crypto: Crypto,
  bytes: Uint8Array,
  usage: KeyUsage,
): Result<{ readonly certificate: Certificate; readonly key: EcPublicKey }, Fault<'guardian-certificate'>> {
  const parsed = parseCertificate(bytes);
  if (!parsed.ok) return fail('guardian-certificate', 'not a certificate', { cause: parsed.fault });
  const certificate = parsed.value;
  const usages = certificate.extensions.keyUsage;
  if (usages?.size !== 1 || !usages.has(usage))
    return fail('guardian-certificate', `the key usage must be ${usage} alone`);
  const key = certificate.publicKey(crypto);
  if (!key.ok) return fail('guardian-certificate', 'the key is not sound', { cause: key.fault });
  if (key.value.type !== 'ec' || key.value.curve !== SEKIMORI_1.curve)
    return fail('guardian-certificate', `the key must be of ${SEKIMORI_1.curve}`);
  return ok({ certificate, key: key.value });
}
