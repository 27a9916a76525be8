import { type Crypto, der, type PublicKey, type SigningKey } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { type Certificate, parseCertificate } from './certificate.ts';
import type { TpmIdentity } from './tpm-attributes.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  extension,
  keyIdentifierOf,
  keyUsage,
  subjectKeyIdentifier,
} from './extension-writers.ts';
import { issueCertificate, randomSerial } from './issue.ts';
import { EXTENSION, PURPOSE, TCG_ATTRIBUTE } from './oids.ts';
import type { CertificateAuthority } from './profiles.ts';

interface Life {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * Self-signed: an authority over the endorsement certificates of TPMs, and over nothing else: no CA may stand below it, and its
 * purpose binds what it issues.
 */
export async function issueEndorsementAuthority(
  crypto: Crypto,
  parts: Life & { readonly subject: Uint8Array; readonly key: SigningKey },
): Promise<Certificate> {
  const { subject, key } = parts;
  const { publicKey } = key;
  const identifier = keyIdentifierOf(crypto, publicKey);
  const extensions = [
    basicConstraints(true, 0),
    keyUsage('keyCertSign'),
    extendedKeyUsage(false, PURPOSE.tcgEndorsementKey),
    subjectKeyIdentifier(identifier),
    authorityKeyIdentifier(identifier),
  ];
  const content = { ...parts, serial: randomSerial(crypto), issuer: subject, publicKey, extensions };
  return expectOk(parseCertificate(await issueCertificate(content, key)));
}

/**
 * A leaf of the TCG EK Credential Profile 2.x. `subject`: DER, empty in the vendors' certificates; the alternative name with
 * manufacturer, model and version is critical then. RFC 5280 section 4.2.1.6.
 */
export async function issueEndorsementCertificate(
  crypto: Crypto,
  parts: Life & {
    readonly subject?: Uint8Array;
    readonly publicKey: PublicKey;
    readonly tpm: TpmIdentity;
    readonly issuer: CertificateAuthority;
  },
): Promise<Certificate> {
  const { subject, publicKey, tpm, issuer, notBefore, notAfter } = parts;
  const { certificate, key } = issuer;
  const issuerIdentifier = certificate.extensions.subjectKeyIdentifier ?? keyIdentifierOf(crypto, key.publicKey);
  const names = der.sequence(der.tagged(4, directoryName(tpm)));
  const bytes = await issueCertificate(
    {
      serial: randomSerial(crypto),
      issuer: certificate.subject.der,
      subject: subject ?? der.sequence(),
      notBefore,
      notAfter,
      publicKey,
      extensions: [
        authorityKeyIdentifier(issuerIdentifier),
        extension(EXTENSION.subjectAlternativeName, subject === undefined, names),
        basicConstraints(false),
        keyUsage(publicKey.type === 'rsa' ? 'keyEncipherment' : 'keyAgreement'),
        extendedKeyUsage(false, PURPOSE.tcgEndorsementKey),
      ],
    },
    key,
  );
  return expectOk(parseCertificate(bytes));
}

/** Hexadecimal in upper case, as the TPM Vendor ID Registry and vendors write it. */
function directoryName({ manufacturer, model, version }: TpmIdentity): Uint8Array {
  if (!/^[0-9a-f]{8}$/.test(manufacturer)) throw new RangeError('a manufacturer is four bytes in lower-case hex');
  const attributes = [
    [TCG_ATTRIBUTE.tpmManufacturer, `id:${manufacturer.toUpperCase()}`],
    [TCG_ATTRIBUTE.tpmModel, model],
    [TCG_ATTRIBUTE.tpmVersion, version],
  ] as const;
  return der.sequence(...attributes.map(([oid, text]) => der.set(der.sequence(der.oid(oid), der.utf8String(text)))));
}
