import type { Crypto, PublicKey } from '@sekimori/crypto-core';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import type { Certificate } from './certificate.ts';
import { type ChainFindingCode, examinePath, nameOf, type PathOptions, type ValidatedPath } from './chain.ts';
import { EXTENSION, PURPOSE } from './oids.ts';
import { checkRevocation, type RevocationCode, type RevocationOptions } from './revocation.ts';
import { isRocaWeak } from './roca.ts';
import {
  type TpmIdentity,
  type TpmSecurityAssertions,
  type TpmSpecification,
  tpmNamesOf,
  tpmSecurityAssertionsOf,
  tpmSpecificationOf,
} from './tpm-attributes.ts';
import { isSoftwareTpmVendor, tpmVendorName } from './tpm-vendors.ts';

export interface EndorsementOptions extends Pick<PathOptions, 'intermediates' | 'issuersOf' | 'at' | 'cache'> {
  /** TPM vendors' roots, pinned; never the roots of the web. */
  readonly roots: readonly Certificate[];
  /** Default 'refuse'; 'finding' lets chains of TPM 1.2 days (SHA-1) through with a finding. */
  readonly weakSignatures?: 'refuse' | 'finding';
  /** The manufacturers a root may vouch for, as `TpmIdentity.manufacturer`. Undefined for a root: not restricted. */
  readonly manufacturersOf?: (root: Certificate) => readonly string[] | undefined;
  /** CRLs that the caller has. Without them every certificate below the root has the finding `revocation-unknown`. */
  readonly revocation?: RevocationOptions;
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
  | RevocationCode
>;

/** What is let pass and still worth a word. */
export type EndorsementWarningCode =
  | ChainFindingCode
  | 'ek-certificate-profile'
  | 'ek-certificate-software-tpm'
  | 'ek-certificate-unknown-vendor'
  | Exclude<RevocationCode, 'certificate-revoked'>;

interface FindingParts {
  readonly detail: string;
  /** Which one of `EndorsementExamination.chain`: 0 is the EK certificate. Undefined: one beside the path, of a CRL issuer. */
  readonly certificate: number | undefined;
  readonly cause?: Fault;
}

/** One thing to know about an EK certificate. One that refuses is why `checkEndorsementCertificate` says no. */
export type EndorsementFinding =
  | (FindingParts & { readonly severity: 'refuses'; readonly code: EndorsementFault['code'] })
  | (FindingParts & { readonly severity: 'warns'; readonly code: EndorsementWarningCode });

/** All that an EK certificate says and all that is wrong with it. Nothing here is a reason to trust: see `findings`. */
export interface EndorsementExamination {
  readonly certificate: Certificate;
  /** Undefined where it is not of a supported kind. */
  readonly publicKey: PublicKey | undefined;
  /** What could be read of it. */
  readonly tpm: Partial<TpmIdentity>;
  readonly specification: TpmSpecification | undefined;
  readonly securityAssertions: TpmSecurityAssertions | undefined;
  /** Leaf first, root last, with signatures that hold; the EK certificate alone where no path leads to a root. */
  readonly chain: readonly Certificate[];
  /** The path, where nothing on it refuses. */
  readonly path: ValidatedPath | undefined;
  readonly findings: readonly EndorsementFinding[];
}

/**
 * TCG EK Credential Profile for TPM 2.0: a leaf for tcg-kp-EKCertificate, for encryption alone, that names the TPM, with a path to
 * the root of a vendor that may vouch for its maker. The purpose by itself proves nothing, since issuing CAs carry it too. An end
 * of validity that has passed warns: TPMs outlive their certificates. Each flaw of the path is one `ek-certificate-untrusted` with
 * that flaw as its cause, and its words in the detail. Never throws for what a certificate holds.
 */
export function examineEndorsementCertificate(
  crypto: Crypto,
  certificate: Certificate,
  options: EndorsementOptions,
): EndorsementExamination {
  const findings: EndorsementFinding[] = [];
  const refuse = (code: EndorsementFault['code'], detail: string, at: number | undefined = 0, cause?: Fault) =>
    findings.push({ severity: 'refuses', code, detail, certificate: at, ...(cause && { cause }) });
  const warn = (code: EndorsementWarningCode, detail: string, at: number | undefined = 0, cause?: Fault) =>
    findings.push({ severity: 'warns', code, detail, certificate: at, ...(cause && { cause }) });

  const { basicConstraints, extendedKeyUsage, keyUsage } = certificate.extensions;
  if (basicConstraints?.ca || keyUsage?.has('keyCertSign'))
    refuse('ek-certificate-is-ca', 'an EK certificate is never a CA');
  if (!extendedKeyUsage?.includes(PURPOSE.tcgEndorsementKey))
    refuse('ek-certificate-purpose', 'it is not for tcg-kp-EKCertificate');
  const imported = certificate.publicKey(crypto);
  const key = imported.ok ? imported.value : undefined;
  if (!imported.ok) refuse('ek-certificate-key', 'its key is not supported', 0, imported.fault);
  const wanted = key && (key.type === 'rsa' ? 'keyEncipherment' : 'keyAgreement');
  if (wanted && !keyUsage?.has(wanted)) refuse('ek-certificate-key-usage', `its key usage lacks ${wanted}`);
  if (key?.type === 'rsa' && isRocaWeak(key.modulus)) refuse('ek-certificate-weak-key', ROCA);
  const tpm = tpmNamesOf(certificate);
  if (!tpm.manufacturer || !tpm.model || !tpm.version)
    refuse('ek-certificate-names', 'it does not name manufacturer, model and version, once each');

  const { outcome, chain, flaws } = examinePath(crypto, certificate, {
    ...options,
    purpose: PURPOSE.tcgEndorsementKey,
    expired: 'finding',
  });
  const untrusted = (what: string, fault: Fault, at: number) =>
    refuse('ek-certificate-untrusted', `${what}: ${fault.detail}`, at, fault);
  const path = chain ?? [certificate];
  if (!chain && !outcome.ok) untrusted('no path to a trusted TPM vendor root', outcome.fault, 0);
  for (const { refuses, fault, certificate: about } of flaws) {
    const index = path.indexOf(about);
    if (!refuses) warn(fault.code, fault.detail, index);
    // of the leaf's own purpose all is said already
    else if (index > 0 || fault.code !== 'chain-purpose')
      untrusted('the path to a trusted TPM vendor root does not hold', fault, index);
  }
  for (const [index, issuer] of path.entries()) {
    const issuerKey = issuer.publicKey(crypto);
    if (index > 0 && issuerKey.ok && issuerKey.value.type === 'rsa' && isRocaWeak(issuerKey.value.modulus))
      refuse('ek-certificate-weak-key', ROCA, index);
  }
  const root = chain?.at(-1);
  const allowed = root && options.manufacturersOf?.(root);
  if (allowed && tpm.manufacturer && !allowed.includes(tpm.manufacturer))
    refuse('ek-certificate-manufacturer', `its root does not vouch for TPMs of ${tpm.manufacturer}`);

  if (chain)
    for (const finding of checkRevocation(crypto, chain, {
      ...options,
      expired: 'finding',
      ...(options.revocation ?? { crls: [] }),
    })) {
      const { code, detail, cause } = finding;
      const index = chain.indexOf(finding.certificate);
      const at = index < 0 ? undefined : index;
      if (finding.refuses || code === 'certificate-revoked') refuse(code, detail, at, cause);
      else warn(code, detail, at, cause);
    }

  for (const deviation of deviationsOf(certificate, wanted)) warn('ek-certificate-profile', deviation);
  const specification = tpmSpecificationOf(certificate);
  if (!specification.ok) warn('ek-certificate-profile', 'its tpmSpecification cannot be read', 0, specification.fault);
  const securityAssertions = tpmSecurityAssertionsOf(certificate);
  if (!securityAssertions.ok)
    warn('ek-certificate-profile', 'its tpmSecurityAssertions cannot be read', 0, securityAssertions.fault);
  if (tpm.manufacturer && isSoftwareTpmVendor(tpm.manufacturer))
    warn('ek-certificate-software-tpm', `${tpmVendorName(tpm.manufacturer)} makes TPMs in software`);
  else if (tpm.manufacturer && tpmVendorName(tpm.manufacturer) === undefined)
    warn('ek-certificate-unknown-vendor', `${tpm.manufacturer} is not in the TCG's registry of vendors`);
  return {
    certificate,
    publicKey: key,
    tpm,
    specification: specification.ok ? specification.value : undefined,
    securityAssertions: securityAssertions.ok ? securityAssertions.value : undefined,
    chain: path,
    path: outcome.ok ? outcome.value : undefined,
    findings,
  };
}

const ROCA = 'its RSA key was made by a flawed generator (CVE-2017-15361)';

/** An EK certificate that held: the profile, and the path to a trusted vendor root. Made by `checkEndorsementCertificate` only. */
export class EndorsementCertificate {
  readonly certificate: Certificate;
  /** The EK. The caller compares it with the EK public area; a certificate does not prove which machine it came from. */
  readonly publicKey: PublicKey;
  readonly tpm: TpmIdentity;
  readonly path: ValidatedPath;
  /** None of them refuses. */
  readonly findings: readonly EndorsementFinding[];

  private constructor(
    certificate: Certificate,
    publicKey: PublicKey,
    tpm: TpmIdentity,
    path: ValidatedPath,
    findings: readonly EndorsementFinding[],
  ) {
    this.certificate = certificate;
    this.publicKey = publicKey;
    this.tpm = tpm;
    this.path = path;
    this.findings = findings;
  }

  /**
   * Examined by `examineEndorsementCertificate`, and nothing refuses. The fault is the first finding that does; that of
   * `ek-certificate-untrusted` holds the flaw of the path as its cause.
   */
  static check(
    this: void,
    crypto: Crypto,
    certificate: Certificate,
    options: EndorsementOptions,
  ): Result<EndorsementCertificate, EndorsementFault> {
    const { publicKey, tpm, path, findings } = examineEndorsementCertificate(crypto, certificate, options);
    for (const finding of findings)
      if (finding.severity === 'refuses')
        return fail(finding.code, finding.detail, finding.cause && { cause: finding.cause });
    const { manufacturer, model, version } = tpm;
    if (!publicKey || !path || !manufacturer || !model || !version)
      throw new Error(`nothing refuses '${nameOf(certificate)}', and yet it is not complete`);
    return ok(new EndorsementCertificate(certificate, publicKey, { manufacturer, model, version }, path, findings));
  }
}

export const checkEndorsementCertificate = EndorsementCertificate.check;

/** Where vendors leave the profile and no harm comes of it. TCG EK Credential Profile 2.x, RFC 5280 section 4.2.1. */
function deviationsOf(certificate: Certificate, wanted: string | undefined): readonly string[] {
  const { all, basicConstraints, keyUsage } = certificate.extensions;
  const isLoose = (oid: string) => all.get(oid)?.critical === false;
  return [
    ...(basicConstraints ? [] : ['it has no basic constraints']),
    ...(isLoose(EXTENSION.keyUsage) ? ['its key usage is not critical'] : []),
    ...[...(keyUsage ?? [])]
      .filter((usage) => wanted && usage !== wanted && usage !== 'keyCertSign')
      .map((usage) => `its key usage has ${usage} besides`),
    ...(certificate.subject.isEmpty && isLoose(EXTENSION.subjectAlternativeName)
      ? ['its subject is empty and its alternative name not critical']
      : []),
  ];
}
