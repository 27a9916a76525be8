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
  /**
   * Always for a revoked certificate, and where more was sent than is tried (the cause is `crl-too-many`): what was not tried
   * may tell of a revocation. Otherwise what the options say.
   */
  readonly refuses: boolean;
  readonly detail: string;
  /** The one it is about: of the path, or of the path to a CRL issuer. */
  readonly certificate: Certificate;
  /** Why the CRL that might have told is not believed. */
  readonly cause?: Fault;
}

/** Why a CRL is not believed, or does not decide. */
export type CrlFault = Fault<
  | 'crl-signature'
  | 'crl-issuer'
  | 'crl-scope'
  | 'crl-weak-signature'
  | 'crl-too-many'
  | 'crl-too-deep'
  | 'crl-issuer-revoked'
>;

/** Signatures of CRLs checked for one certificate of a path, which has at most seven of them below its root. */
const MAX_CRL_SIGNATURES = 16;
/** Paths to CRL issuers searched for one certificate of a path, each bounded as every other path. */
const MAX_ISSUER_PATHS = 4;
/** CRL issuers whose certificates are judged by CRLs of other such issuers, and so on. */
const MAX_DEPTH = 2;

type Status =
  | { readonly code: 'good' }
  | {
      readonly code: RevocationCode;
      readonly detail: string;
      readonly cause?: Fault;
      /** Whatever the options say. */
      readonly refuses?: true;
    };

/** What one certificate of the path has used up, with all that it rests on: what is sent about one takes nothing from another. */
interface Budget {
  signatures: number;
  issuerPaths: number;
}

/** A certificate of a path, and on whose word it cannot rest. */
interface Judged {
  readonly certificate: Certificate;
  /** Its issuers, up to the root. */
  readonly above: readonly Certificate[];
  /** Itself, what is below it on its path, and those that it is to vouch for: none of them has a say. */
  readonly barred: readonly Certificate[];
  readonly depth: number;
  readonly budget: Budget;
}

/**
 * Whether the certificates of a path below its root are revoked: RFC 5280 section 6.3 with complete CRLs that the caller
 * fetched. Each certificate needs a CRL of its issuer, or the indirect one that its distribution points name. The CRL's signer is
 * above the certificate on its path, or has a path to the same root that does not lead through the certificate; and it may sign CRLs.
 * What no believable CRL decides is a finding, never a silent «good». A certificate that stands on such a CRL counts as revoked also
 * when the CRL is old, when it was put on hold, and from whatever date. Certificates of CRL issuers are judged in the same way.
 * Bounded, whatever comes in. The newest CRL is tried first, and strangers may send as many as they like under any name, date and key
 * identifier: where they use up the bound for a certificate, the finding refuses it, whatever an older CRL says.
 */
export function checkRevocation(
  crypto: Crypto,
  chain: readonly Certificate[],
  options: RevocationOptions & Omit<PathOptions, 'roots' | 'purpose' | 'understood'>,
): readonly RevocationFinding[] {
  const findings = new Map<string, RevocationFinding>();
  const [missing, stale] = [options.missing === 'refuse', options.stale === 'refuse'];
  // facts about bytes, whoever asks
  const signed = new Map<Crl, Map<string, boolean>>();
  const paths = new Map<string, ReturnType<typeof searchPath>>();

  function judge(
    path: readonly Certificate[],
    index: number,
    { barred, depth, budget }: Pick<Judged, 'barred' | 'depth' | 'budget'>,
  ): Status {
    const certificate = path[index] as Certificate;
    const above = path.slice(index + 1);
    const status = statusOf({ certificate, above, barred: [...barred, ...path.slice(0, index + 1)], depth, budget });
    if (status.code === 'good') return status;
    const { code, detail, cause } = status;
    const refuses =
      status.refuses ?? (code === 'certificate-revoked' || (code === 'revocation-stale' ? stale : missing));
    const key = `${code} ${certificate.fingerprint(crypto)}`;
    const known = findings.get(key);
    if (!known || (refuses && !known.refuses))
      findings.set(key, { code, refuses, detail, certificate, ...(cause && { cause }) });
    return status;
  }

  function statusOf(judged: Judged): Status {
    const { certificate } = judged;
    const who = `'${nameOf(certificate)}'`;
    const read = crlDistributionPointsOf(certificate);
    const points = read.ok ? read.value : [];
    const concerned = options.crls
      .filter((crl) => speaksFor(crl, certificate, points))
      .toSorted((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime());
    let [current, outdated] = [0, 0];
    let cause: Fault | undefined;
    let tooMany: Fault | undefined;
    for (const crl of concerned) {
      if (current === ALL_REASONS) break; // a newer one has decided
      const reasons = reasonsDecided(crl, certificate, points);
      const entry = crl.entries.find(certificate);
      if (!entry && reasons === 0) {
        cause ??= faultOf('crl-scope', `the CRL of '${crl.issuer.text}' is about other certificates`);
        continue;
      }
      const belief = believe(crl, judged);
      if (!belief.ok) {
        cause ??= belief.fault;
        if (belief.fault.code === 'crl-too-many') tooMany ??= belief.fault;
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
    // before all else: the one that was not tried is newer than what decided
    if (tooMany) {
      const detail = `more was sent about ${who} than is tried, and what was not may revoke it`;
      return { code: 'revocation-unknown', detail, cause: tooMany, refuses: true };
    }
    if (current === ALL_REASONS) return { code: 'good' };
    const because = cause && { cause };
    if ((current | outdated) === ALL_REASONS)
      return { code: 'revocation-stale', detail: `no CRL for ${who} is current`, ...because };
    const some = current | outdated ? ' for every reason' : '';
    return { code: 'revocation-unknown', detail: `no CRL decides on ${who}${some}`, ...because };
  }

  /** Whether the CRL is of who it says it is, and of somebody who has a say on this certificate. */
  function believe(crl: Crl, judged: Judged): Result<void, CrlFault> {
    const { above, budget } = judged;
    const who = `the CRL of '${crl.issuer.text}'`;
    // what may be from the other side comes last, so that it takes no turn from our own
    const others = [...(options.issuersOf?.(crl) ?? []), ...(options.issuers ?? []), ...options.intermediates];
    let tooMany: Failed<CrlFault> | undefined;
    let refused: Failed<CrlFault> = fail('crl-issuer', `no certificate of who signed ${who}`);
    for (const candidate of [...above, ...others]) {
      if (!mayHaveIssued(candidate, crl)) continue;
      const isAbove = includes(above, candidate);
      const refusal = refusalOf(candidate, isAbove);
      if (refusal !== undefined) {
        refused = fail('crl-issuer', refusal);
        continue;
      }
      const holds = isSignedBy(crl, candidate, budget);
      if (holds === undefined) {
        tooMany = fail('crl-too-many', `more than ${MAX_CRL_SIGNATURES} signatures of CRLs`);
        continue; // those that were tried before cost nothing
      }
      if (!holds) {
        refused = fail('crl-signature', `${who} is not signed by '${nameOf(candidate)}'`);
        continue;
      }
      if (isAbove) return ok(undefined);
      const trusted = trustIssuer(candidate, judged);
      if (trusted.ok) return trusted;
      if (trusted.fault.code === 'crl-too-many') tooMany = trusted;
      refused = trusted;
    }
    return tooMany ?? refused;
  }

  /** Why this one's CRLs do not count, whatever they are; undefined: they may. */
  function refusalOf(signer: Certificate, isAbove: boolean): string | undefined {
    const { keyUsage } = signer.extensions;
    // a CA of the path may sign CRLs unless it says otherwise; anybody else needs the word of its issuer
    if (keyUsage ? !keyUsage.has('cRLSign') : !isAbove) return `'${nameOf(signer)}' may not sign CRLs`;
    if (isTooLarge(crypto, signer)) return `the RSA key of '${nameOf(signer)}' has more than ${MAX_RSA} bits`;
    return undefined;
  }

  /** Undefined: too many were asked for. */
  function isSignedBy(crl: Crl, signer: Certificate, budget: Budget): boolean | undefined {
    const known = signed.get(crl) ?? new Map<string, boolean>();
    signed.set(crl, known);
    const fingerprint = signer.fingerprint(crypto);
    const answer = known.get(fingerprint);
    if (answer !== undefined) return answer;
    if (budget.signatures >= MAX_CRL_SIGNATURES) return undefined;
    budget.signatures++;
    const key = signer.publicKey(crypto);
    const holds = key.ok && crl.isSignedBy(crypto, key.value);
    known.set(fingerprint, holds);
    return holds;
  }

  /** A CRL issuer beside the path: RFC 5280 section 6.3.3 (f), the same trust anchor. */
  function trustIssuer(issuer: Certificate, { certificate, barred, depth, budget }: Judged): Result<void, CrlFault> {
    const who = `the CRL issuer '${nameOf(issuer)}'`;
    if (depth >= MAX_DEPTH) return fail('crl-too-deep', `${who} rests on more than ${MAX_DEPTH} others`);
    const fingerprint = issuer.fingerprint(crypto);
    let found = paths.get(fingerprint);
    if (!found) {
      if (budget.issuerPaths >= MAX_ISSUER_PATHS)
        return fail('crl-too-many', `more than ${MAX_ISSUER_PATHS} paths to CRL issuers`);
      budget.issuerPaths++;
      found = searchPath(issuer);
      paths.set(fingerprint, found);
    }
    const { outcome, exhausted } = found;
    if (!outcome.ok)
      return fail(exhausted ? 'crl-too-many' : 'crl-issuer', `no path to ${who}`, { cause: outcome.fault });
    const path = outcome.value.chain;
    if (path.some((one) => includes(barred, one)))
      return fail('crl-issuer', `${who} rests on '${nameOf(certificate)}', and has no say on it`);
    for (const [index, one] of path.slice(0, -1).entries())
      if (
        !includes(chain, one) &&
        judge(path, index, { barred, depth: depth + 1, budget }).code === 'certificate-revoked'
      )
        return fail('crl-issuer-revoked', `'${nameOf(one)}' is revoked, so what it signed does not count`);
    return ok(undefined);
  }

  function searchPath(issuer: Certificate) {
    const known = [...(options.issuers ?? []), ...options.intermediates];
    return examinePath(crypto, issuer, {
      ...options,
      roots: chain.slice(-1),
      intermediates: chain.slice(1, -1),
      // what may be from the other side comes last here too
      issuersOf: (issued: Issued) => [
        ...(options.issuersOf?.(issued) ?? []),
        ...known.filter((certificate) => mayHaveIssued(certificate, issued)),
      ],
      purpose: 'any',
    });
  }

  for (const index of chain.slice(0, -1).keys())
    judge(chain, index, { barred: [], depth: 0, budget: { signatures: 0, issuerPaths: 0 } });
  return [...findings.values()];
}

function includes(certificates: readonly Certificate[], wanted: Certificate): boolean {
  return certificates.some((certificate) => sameCertificate(certificate, wanted));
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
