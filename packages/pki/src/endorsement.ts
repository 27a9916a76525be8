import type { Crypto, PublicKey } from '@sekimori/crypto-core';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import type { Certificate } from './certificate.ts';
import { type ChainFinding, type PathOptions, type ValidatedPath, validatePath } from './chain.ts';
import { PURPOSE, TCG_ATTRIBUTE } from './oids.ts';
import { isRocaWeak } from './roca.ts';

export interface TpmIdentity {
  /** Four bytes of the TCG vendor id registry in lower-case hex: '53544d20' is STMicroelectronics. */
  readonly manufacturer: string;
  readonly model: string;
  /** Firmware version as written, usually 'id:' and hex. */
  readonly version: string;
}

export interface EndorsementOptions extends Pick<PathOptions, 'intermediates' | 'at' | 'cache'> {
  /** TPM vendors' roots, pinned; never the roots of the web. */
  readonly roots: readonly Certificate[];
  /** Default 'refuse'; 'finding' lets chains of TPM 1.2 days (SHA-1) through with a finding. */
  readonly weakSignatures?: 'refuse' | 'finding';
  /** The manufacturers a root may vouch for, as `TpmIdentity.manufacturer`. Undefined for a root: not restricted. */
  readonly manufacturersOf?: (root: Certificate) => readonly string[] | undefined;
}

export type EndorsementFault = Fault<
  | 'ek-certificate-is-ca'
  | 'ek-certificate-purpose'
  | 'ek-certificate-key-usage'
  | 'ek-certificate-names'
  | 'ek-certificate-key'
  | 'ek-certificate-weak-key'
  | 'ek-certificate-untrusted'
  | 'ek-certificate-manufacturer'
>;

/** An EK certificate that held: the profile, and the path to a trusted vendor root. Made by `checkEndorsementCertificate` only. */
export class EndorsementCertificate {
  readonly certificate: Certificate;
  /** The EK. The caller compares it with the EK public area; a certificate does not prove which machine it came from. */
  readonly publicKey: PublicKey;
  readonly tpm: TpmIdentity;
  readonly path: ValidatedPath;

  private constructor(certificate: Certificate, publicKey: PublicKey, tpm: TpmIdentity, path: ValidatedPath) {
    this.certificate = certificate;
    this.publicKey = publicKey;
    this.tpm = tpm;
    this.path = path;
  }

  /** Expired certificates on the path, and weak signatures where the caller let them pass. */
  get findings(): readonly ChainFinding[] {
    return this.path.findings;
  }

  /**
   * TCG EK Credential Profile for TPM 2.0: a leaf for tcg-kp-EKCertificate, for encryption alone, that names the TPM.
   * The purpose by itself proves nothing, since issuing CAs carry it too. An end of validity that has passed is a finding:
   * TPMs outlive their certificates. The fault of `ek-certificate-untrusted` holds that of `validatePath` as its cause.
   */
  static check(
    this: void,
    crypto: Crypto,
    certificate: Certificate,
    options: EndorsementOptions,
  ): Result<EndorsementCertificate, EndorsementFault> {
    const { basicConstraints, extendedKeyUsage, keyUsage } = certificate.extensions;
    if (basicConstraints?.ca || keyUsage?.has('keyCertSign'))
      return fail('ek-certificate-is-ca', 'an EK certificate is never a CA');
    if (!extendedKeyUsage?.includes(PURPOSE.tcgEndorsementKey))
      return fail('ek-certificate-purpose', 'it is not for tcg-kp-EKCertificate');
    const key = certificate.publicKey(crypto);
    if (!key.ok) return fail('ek-certificate-key', 'its key is not supported', { cause: key.fault });
    const wanted = key.value.type === 'rsa' ? 'keyEncipherment' : 'keyAgreement';
    if (!keyUsage?.has(wanted)) return fail('ek-certificate-key-usage', `its key usage lacks ${wanted}`);
    if (key.value.type === 'rsa' && isRocaWeak(key.value.modulus))
      return fail('ek-certificate-weak-key', 'its RSA key was made by a flawed generator (CVE-2017-15361)');
    const tpm = tpmIdentityOf(certificate);
    if (!tpm) return fail('ek-certificate-names', 'it does not name manufacturer, model and version, once each');
    const path = validatePath(crypto, certificate, {
      intermediates: options.intermediates,
      roots: options.roots,
      at: options.at,
      purpose: PURPOSE.tcgEndorsementKey,
      expired: 'finding',
      ...(options.weakSignatures && { weakSignatures: options.weakSignatures }),
      ...(options.cache && { cache: options.cache }),
    });
    if (!path.ok)
      return fail('ek-certificate-untrusted', 'no path to a trusted TPM vendor root', { cause: path.fault });
    const allowed = options.manufacturersOf?.(path.value.root);
    if (allowed && !allowed.includes(tpm.manufacturer))
      return fail('ek-certificate-manufacturer', `its root does not vouch for TPMs of ${tpm.manufacturer}`);
    return ok(new EndorsementCertificate(certificate, key.value, tpm, path.value));
  }
}

export const checkEndorsementCertificate = EndorsementCertificate.check;

/** From the directory names of the subject alternative name, in separate RDNs or one, in any order. */
export function tpmIdentityOf(certificate: Certificate): TpmIdentity | undefined {
  const names = (certificate.extensions.subjectAlternativeName ?? []).flatMap((name) =>
    name.type === 'directoryName' ? [name.value] : [],
  );
  const only = (type: string) => {
    const values = names.flatMap((name) => name.values(type));
    return values.length === 1 ? values[0] : undefined;
  };
  const manufacturer = /^id:([0-9A-Fa-f]{8})$/.exec(only(TCG_ATTRIBUTE.tpmManufacturer) ?? '')?.[1]?.toLowerCase();
  const model = only(TCG_ATTRIBUTE.tpmModel);
  const version = only(TCG_ATTRIBUTE.tpmVersion);
  return manufacturer && model && version ? { manufacturer, model, version } : undefined;
}
