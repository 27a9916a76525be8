import type { Crypto } from '@sekimori/crypto-core';
import { type Failed, type Fault, fail, ok, type Result } from '@sekimori/result';
import type { Certificate } from './certificate.ts';
import {
  examinePath,
  type Issued,
  isTooLarge,
  MAX_RSA,
  mayHaveIssued,
  nameOf,
  type PathOptions,
  sameCertificate,
} from './chain.ts';
import type { Crl } from './crl.ts';
import { ALL_REASONS, crlDistributionPointsOf, type DistributionPoint } from './distribution-points.ts';
import type { GeneralName } from './extensions.ts';
import type { DistinguishedName } from './names.ts';

export interface RevocationOptions {
  /** As they were fetched, in any order, of any issuers, current or not. Only those that concern a path are looked at. */
  readonly crls: readonly Crl[];
  /** Certificates of CRL issuers that are not on the path, and of those above them; from wherever. */
  readonly issuers?: readonly Certificate[];
  /** What a certificate that no CRL decides on is worth. Default 'finding': CRLs are checked when they could be reached. */
  readonly missing?: 'finding' | 'refuse';
  /** The same where only a CRL decides that is not current at `at`. Default 'finding'. */
  readonly stale?: 'finding' | 'refuse';
}

export type RevocationCode = 'certificate-revoked' | 'revocation-unknown' | 'revocation-stale';

export interface RevocationFinding {
  readonly code: RevocationCode;
  /** Always for a revoked certificate; for the other two what the options say. */
  readonly refuses: boolean;
  readonly detail: string;
  /** The one it is about: of the path, or of the path to a CRL issuer. */
  readonly certificate: Certificate;
  /** Why the CRL that might have told is not believed. */
  readonly cause?: Fault;
}

/** Why a CRL is not believed, or does not decide. */
export type CrlFault = Fault<
  'crl-signature' | 'crl-issuer' | 'crl-scope' | 'crl-weak-signature' | 'crl-too-many' | 'crl-issuer-revoked'
>;

/** Signatures of CRLs checked for one path. A path has at most seven certificates below its root. */
const MAX_CRL_SIGNATURES = 16;
/** Paths to CRL issuers searched for one path, each bounded as every other path. */
const MAX_ISSUER_PATHS = 4;

type Status =
  | { readonly code: 'good' }
  | { readonly code: RevocationCode; readonly detail: string; readonly cause?: Fault };

/**
 * Whether the certificates of a path below its root are revoked: RFC 5280 section 6.3 with complete CRLs that the caller
 * fetched. Each certificate needs a CRL of its issuer, or the indirect one that its distribution points name; the CRL's signer is on the
 * path or has a path to the same root, and may sign CRLs. What no believable CRL decides is a finding, never a silent «good».
 * A certificate that stands on such a CRL counts as revoked also when the CRL is old, when it was put on hold, and from whatever
 * date. Certificates of CRL issuers are judged in the same way. Bounded, whatever comes in.
 */
export function checkRevocation(
  crypto: Crypto,
  chain: readonly Certificate[],
  options: RevocationOptions & Omit<PathOptions, 'roots' | 'purpose' | 'understood'>,
): readonly RevocationFinding[] {
  const root = chain.at(-1);
  if (!root) return [];
  const findings: RevocationFinding[] = [];
  const judged = new Map<string, Status>();
  const believed = new Map<Crl, Result<void, CrlFault>>();
  const [missing, stale] = [options.missing === 'refuse', options.stale === 'refuse'];
  let signatures = 0;
  let issuerPaths = 0;

  function judge(certificate: Certificate): Status {
    const key = certificate.fingerprint(crypto);
    const known = judged.get(key);
    if (known) return known;
    const status = statusOf(certificate);
    judged.set(key, status);
    if (status.code === 'good') return status;
    const { code, detail, cause } = status;
    const refuses = code === 'certificate-revoked' || (code === 'revocation-stale' ? stale : missing);
    findings.push({ code, refuses, detail, certificate, ...(cause && { cause }) });
    return status;
  }

  function statusOf(certificate: Certificate): Status {
    const who = `'${nameOf(certificate)}'`;
    const read = crlDistributionPointsOf(certificate);
    const points = read.ok ? read.value : [];
    const concerned = options.crls
      .filter((crl) => speaksFor(crl, certificate, points))
      .toSorted((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime());
    let [current, outdated] = [0, 0];
    let cause: Fault | undefined;
    for (const crl of concerned) {
      if (current === ALL_REASONS) break; // a newer one has decided
      const reasons = reasonsDecided(crl, certificate, points);
      const entry = crl.entries.find(certificate);
      if (!entry && reasons === 0) {
        cause ??= faultOf('crl-scope', `the CRL of '${crl.issuer.text}' is about other certificates`);
        continue;
      }
      const belief = believe(crl);
      if (!belief.ok) {
        cause ??= belief.fault;
        continue;
      }
      if (entry) {
        const since = `${entry.revokedAt.toISOString()}: ${entry.reason}`;
        return { code: 'certificate-revoked', detail: `${who} was revoked by '${crl.issuer.text}' at ${since}` };
      }
      if (crl.signatureAlgorithm.weak && options.weakSignatures !== 'finding')
        cause ??= faultOf('crl-weak-signature', `the CRL of '${crl.issuer.text}' is signed with SHA-1`);
      else if (isCurrent(crl, options.at)) current |= reasons;
      else outdated |= reasons;
    }
    if (current === ALL_REASONS) return { code: 'good' };
    const because = cause && { cause };
    if ((current | outdated) === ALL_REASONS)
      return { code: 'revocation-stale', detail: `no CRL for ${who} is current`, ...because };
    const some = current | outdated ? ' for every reason' : '';
    return { code: 'revocation-unknown', detail: `no CRL decides on ${who}${some}`, ...because };
  }

  /** Whether the CRL is of who it says it is, and of somebody under the same root. */
  function believe(crl: Crl): Result<void, CrlFault> {
    const known = believed.get(crl);
    if (known) return known;
    // what its own signer's certificate needs it for cannot rest on itself
    believed.set(crl, fail('crl-issuer', `the CRL of '${crl.issuer.text}' would have to vouch for its own signer`));
    const outcome = findSigner(crl);
    believed.set(crl, outcome);
    return outcome;
  }

  function findSigner(crl: Crl): Result<void, CrlFault> {
    const who = `the CRL of '${crl.issuer.text}'`;
    const above = chain.slice(1);
    const others = [...(options.issuers ?? []), ...options.intermediates, ...(options.issuersOf?.(crl) ?? [])];
    let refused: Failed<CrlFault> = fail('crl-issuer', `no certificate of who signed ${who}`);
    for (const candidate of [...above, ...others]) {
      if (!mayHaveIssued(candidate, crl)) continue;
      const isAbove = above.some((certificate) => sameCertificate(certificate, candidate));
      const { keyUsage } = candidate.extensions;
      // a CA of the path may sign CRLs unless it says otherwise; anybody else needs the word of its issuer
      if (keyUsage ? !keyUsage.has('cRLSign') : !isAbove) {
        refused = fail('crl-issuer', `'${nameOf(candidate)}' may not sign CRLs`);
        continue;
      }
      if (isTooLarge(crypto, candidate)) {
        refused = fail('crl-issuer', `the RSA key of '${nameOf(candidate)}' has more than ${MAX_RSA} bits`);
        continue;
      }
      if (++signatures > MAX_CRL_SIGNATURES)
        return fail('crl-too-many', `more than ${MAX_CRL_SIGNATURES} signatures of CRLs`);
      const key = candidate.publicKey(crypto);
      if (!key.ok || !crl.isSignedBy(crypto, key.value)) {
        refused = fail('crl-signature', `${who} is not signed by '${nameOf(candidate)}'`);
        continue;
      }
      if (isAbove) return ok(undefined);
      const trusted = trustIssuer(candidate);
      if (trusted.ok) return trusted;
      refused = trusted;
    }
    return refused;
  }

  /** A CRL issuer beside the path: RFC 5280 section 6.3.3 (f), the same trust anchor. */
  function trustIssuer(issuer: Certificate): Result<void, CrlFault> {
    if (++issuerPaths > MAX_ISSUER_PATHS)
      return fail('crl-too-many', `more than ${MAX_ISSUER_PATHS} paths to CRL issuers`);
    const known = [...chain.slice(1), ...(options.issuers ?? [])];
    const path = examinePath(crypto, issuer, {
      ...options,
      roots: [root as Certificate],
      issuersOf: (issued: Issued) => [
        ...known.filter((certificate) => mayHaveIssued(certificate, issued)),
        ...(options.issuersOf?.(issued) ?? []),
      ],
      purpose: 'any',
    }).outcome;
    if (!path.ok) return fail('crl-issuer', `no path to the CRL issuer '${nameOf(issuer)}'`, { cause: path.fault });
    for (const certificate of path.value.chain.slice(0, -1))
      if (judge(certificate).code === 'certificate-revoked')
        return fail('crl-issuer-revoked', `'${nameOf(certificate)}' is revoked, so what it signed does not count`);
    return ok(undefined);
  }

  for (const certificate of chain.slice(0, -1)) judge(certificate);
  return findings;
}

/** Of the certificate's issuer, or the indirect CRL that its distribution points name. RFC 5280 section 6.3.3 (b)(1). */
function speaksFor(crl: Crl, certificate: Certificate, points: readonly DistributionPoint[]): boolean {
  if (crl.issuer.matches(certificate.issuer)) return true;
  return crl.scope.indirect && points.some((point) => names(point.crlIssuer, crl.issuer));
}

/** The reasons of revocation that this CRL tells of this certificate; 0: it does not speak of it. RFC 5280 section 6.3.3 (b) to (d). */
function reasonsDecided(crl: Crl, certificate: Certificate, points: readonly DistributionPoint[]): number {
  const { scope } = crl;
  const isCa = certificate.extensions.basicConstraints?.ca === true;
  if (scope.onlyAttributeCertificates || (isCa ? scope.onlyUserCertificates : scope.onlyCaCertificates)) return 0;
  const ownReasons = scope.onlySomeReasons ?? ALL_REASONS;
  const isDirect = crl.issuer.matches(certificate.issuer);
  let reasons = 0;
  for (const point of points) {
    if (point.crlIssuer.length > 0 ? !scope.indirect || !names(point.crlIssuer, crl.issuer) : !isDirect) continue;
    if (scope.names && !meet(scope.names, point.names ?? point.crlIssuer)) continue;
    reasons |= ownReasons & (point.reasons ?? ALL_REASONS);
  }
  // any other CRL of the issuer, as if a distribution point had the issuer's name: the end of section 6.3.3
  if (isDirect && (!scope.names || names(scope.names, certificate.issuer))) reasons |= ownReasons;
  return reasons;
}

/** False for an invalid Date. */
function isCurrent({ thisUpdate, nextUpdate }: Crl, at: Date): boolean {
  return thisUpdate.getTime() <= at.getTime() && nextUpdate !== undefined && at.getTime() <= nextUpdate.getTime();
}

function names(among: readonly GeneralName[], wanted: DistinguishedName): boolean {
  return among.some((name) => name.type === 'directoryName' && name.value.matches(wanted));
}

function meet(some: readonly GeneralName[], others: readonly GeneralName[]): boolean {
  return some.some((name) =>
    name.type === 'directoryName'
      ? names(others, name.value)
      : name.type === 'uri' && others.some((other) => other.type === 'uri' && other.value === name.value),
  );
}

function faultOf(code: CrlFault['code'], detail: string): CrlFault {
  return { code, detail };
}
