import { equal } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import { type Failed, type Fault, type Result, fail, ok } from '@sekimori/result';
import { type Certificate, verifySignature } from './certificate.ts';
import type { ChainCache } from './chain-cache.ts';
import { EXTENSION, PURPOSE } from './oids.ts';

export interface PathOptions {
  /** May be from the other side, in any order, useful or not; at most 512. */
  readonly intermediates: readonly Certificate[];
  /** Trust anchors, ours. An empty list trusts nothing. */
  readonly roots: readonly Certificate[];
  readonly at: Date;
  /** The extended key usage the leaf must name; issuers that name any must name it too. 'any' asks for none. */
  readonly purpose: string;
  /** 'finding': a certificate past its notAfter is reported and not refused, as EK certificates need it. Default 'refuse'. */
  readonly expired?: 'refuse' | 'finding';
  /** The same for SHA-1 signatures, below the root. Default 'refuse'. */
  readonly weakSignatures?: 'refuse' | 'finding';
  /** Critical extensions of the leaf that the caller processes, beyond those processed here. */
  readonly understood?: readonly string[];
  readonly cache?: ChainCache;
}

export interface ChainFinding {
  readonly code: 'chain-expired' | 'chain-weak-signature';
  readonly detail: string;
  readonly certificate: Certificate;
}

export interface ValidatedPath {
  /** Leaf first, root last. */
  readonly chain: readonly Certificate[];
  readonly root: Certificate;
  /** What was let pass because the options say so. */
  readonly findings: readonly ChainFinding[];
}

export type ChainFault = Fault<
  | 'chain-untrusted'
  | 'chain-signature'
  | 'chain-too-long'
  | 'chain-expired'
  | 'chain-not-yet-valid'
  | 'chain-not-ca'
  | 'chain-key-usage'
  | 'chain-path-length'
  | 'chain-name-constraints'
  | 'chain-critical-extension'
  | 'chain-purpose'
  | 'chain-weak-signature'
  | 'chain-key-size'
>;

/** Certificates in a path, root included. */
const MAX_PATH = 8;
/** Signatures checked for one leaf, whatever was sent along: a path of MAX_PATH, and one astray. */
const MAX_SIGNATURES = 8;
/** Bits. Verifying costs their square, and strangers choose the key; vendors of TPMs use 4096 at most. */
const MAX_RSA = 4096;
const MAX_INTERMEDIATES = 512;

/** Processed here. Policies count as processed since no policy is asked for and what would ask for one is refused. */
const PROCESSED: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.extendedKeyUsage,
  EXTENSION.subjectAlternativeName,
  EXTENSION.subjectKeyIdentifier,
  EXTENSION.authorityKeyIdentifier,
  EXTENSION.certificatePolicies,
]);
/** Constraints on what comes below, which we do not evaluate: refused also where they are not critical. */
const CONSTRAINTS = [EXTENSION.nameConstraints, EXTENSION.policyConstraints, EXTENSION.inhibitAnyPolicy];

/**
 * Finds a path from the leaf to one of the roots and judges each certificate on it: RFC 5280 section 6 without policies and
 * name constraints, both refused. Bounded whatever comes in. The fault is that of the first path that reached furthest.
 */
export function validatePath(
  crypto: Crypto,
  leaf: Certificate,
  options: PathOptions,
): Result<ValidatedPath, ChainFault> {
  if (options.intermediates.length > MAX_INTERMEDIATES)
    return fail('chain-too-long', `${options.intermediates.length} intermediates, at most ${MAX_INTERMEDIATES}`);
  let signatures = 0;

  /** Every way on from the end of `path`, roots first. */
  function search(path: readonly Certificate[]): Result<ValidatedPath, ChainFault> {
    const last = path.at(-1) as Certificate;
    if (options.roots.some((root) => sameCertificate(root, last))) return judge(path, options);
    if (path.length >= MAX_PATH) return fail('chain-too-long', `no root within ${MAX_PATH} certificates`);
    let refused: Failed<ChainFault> | undefined;
    for (const candidate of [...options.roots, ...options.intermediates]) {
      if (!mayHaveIssued(candidate, last) || path.some((seen) => sameCertificate(seen, candidate))) continue;
      if (isTooLarge(crypto, candidate)) {
        refused ??= fail('chain-key-size', `the RSA key of '${nameOf(candidate)}' has more than ${MAX_RSA} bits`);
        continue;
      }
      const known = path.length > 1 && options.cache?.has(crypto, last, candidate) === true;
      if (!known && ++signatures > MAX_SIGNATURES)
        return refused ?? fail('chain-too-long', `no path within ${MAX_SIGNATURES} signatures`);
      const issuer = options.cache?.intern(crypto, candidate) ?? candidate;
      const outcome =
        known || isSignedBy(crypto, last, issuer) ? search([...path, issuer]) : badSignature(last, issuer);
      if (outcome.ok) return outcome;
      // what is wrong with a complete path says more than where an incomplete one ends
      if (!refused || refused.fault.code === 'chain-untrusted') refused = outcome;
    }
    return (
      refused ??
      fail('chain-untrusted', `no trusted certificate of '${last.issuer.text}', which issued '${nameOf(last)}'`)
    );
  }

  const outcome = search([leaf]);
  if (outcome.ok && options.cache) {
    const { chain } = outcome.value;
    for (let i = 1; i + 1 < chain.length; i++)
      options.cache.add(crypto, chain[i] as Certificate, chain[i + 1] as Certificate);
  }
  return outcome;
}

/** Everything but the signatures. */
function judge(chain: readonly Certificate[], options: PathOptions): Result<ValidatedPath, ChainFault> {
  const findings: ChainFinding[] = [];
  let below = 0; // issuers under this one that are not self-issued: what pathLenConstraint counts
  for (const [depth, certificate] of chain.entries()) {
    const isLeaf = depth === 0;
    const isRoot = depth === chain.length - 1;
    const who = `'${nameOf(certificate)}'`;
    if (options.at.getTime() < certificate.notBefore.getTime())
      return fail('chain-not-yet-valid', `${who} is valid from ${certificate.notBefore.toISOString()}`);
    // the negation, so that an invalid Date is refused
    if (!(options.at.getTime() <= certificate.notAfter.getTime())) {
      const detail = `${who} ended at ${certificate.notAfter.toISOString()}`;
      if (options.expired !== 'finding' || Number.isNaN(options.at.getTime())) return fail('chain-expired', detail);
      findings.push({ code: 'chain-expired', detail, certificate });
    }
    for (const { oid, critical } of certificate.extensions.all.values()) {
      if (!critical || PROCESSED.has(oid) || (isLeaf && options.understood?.includes(oid))) continue;
      const code = oid === EXTENSION.nameConstraints ? 'chain-name-constraints' : 'chain-critical-extension';
      return fail(code, `${who} has the critical extension ${oid}, which is not processed`);
    }
    // a root's own signature proves nothing, so its hash does not matter
    if (!isRoot && certificate.signatureAlgorithm.weak) {
      const detail = `${who} is signed with ${certificate.signatureAlgorithm.name ?? 'an unknown algorithm'}`;
      if (options.weakSignatures !== 'finding') return fail('chain-weak-signature', detail);
      findings.push({ code: 'chain-weak-signature', detail, certificate });
    }
    const purposes = certificate.extensions.extendedKeyUsage;
    if (options.purpose !== 'any' && (isLeaf || (purposes && !isRoot))) {
      const fits = purposes?.includes(options.purpose) || (!isLeaf && purposes?.includes(PURPOSE.any));
      if (!fits) return fail('chain-purpose', `${who} is not for ${options.purpose}`);
    }
    if (isLeaf) continue;
    const refused = judgeIssuer(certificate, who, below);
    if (refused) return refused;
    if (!isSelfIssued(certificate)) below++;
  }
  return ok({ chain, root: chain.at(-1) as Certificate, findings });
}

function judgeIssuer({ extensions }: Certificate, who: string, below: number): Failed<ChainFault> | undefined {
  if (!extensions.basicConstraints?.ca) return fail('chain-not-ca', `${who} is not a CA`);
  if (extensions.keyUsage && !extensions.keyUsage.has('keyCertSign'))
    return fail('chain-key-usage', `${who} may not sign certificates`);
  const { pathLength } = extensions.basicConstraints;
  if (pathLength !== undefined && below > pathLength)
    return fail('chain-path-length', `${who} allows ${pathLength} issuers below it, ${below} are there`);
  const constraint = CONSTRAINTS.find((oid) => extensions.all.has(oid));
  if (constraint === EXTENSION.nameConstraints) return fail('chain-name-constraints', `${who} constrains names`);
  if (constraint)
    return fail('chain-critical-extension', `${who} has the constraint ${constraint}, which is not processed`);
  return undefined;
}

/** By name, and by key identifier where both sides have one. Only the signature proves it. */
function mayHaveIssued(issuer: Certificate, certificate: Certificate): boolean {
  if (!issuer.subject.matches(certificate.issuer)) return false;
  const [held, wanted] = [issuer.extensions.subjectKeyIdentifier, certificate.extensions.authorityKeyIdentifier];
  return !held || !wanted || equal(held, wanted);
}

function isTooLarge(crypto: Crypto, issuer: Certificate): boolean {
  const key = issuer.publicKey(crypto);
  return key.ok && key.value.type === 'rsa' && key.value.bits > MAX_RSA;
}

function isSignedBy(crypto: Crypto, certificate: Certificate, issuer: Certificate): boolean {
  const key = issuer.publicKey(crypto);
  return key.ok && verifySignature(crypto, certificate, key.value);
}

function badSignature(certificate: Certificate, issuer: Certificate): Failed<ChainFault> {
  return fail('chain-signature', `'${nameOf(certificate)}' is not signed by '${nameOf(issuer)}'`);
}

function isSelfIssued(certificate: Certificate): boolean {
  return certificate.issuer.matches(certificate.subject);
}

function sameCertificate(a: Certificate, b: Certificate): boolean {
  return a === b || equal(a.der, b.der);
}

function nameOf(certificate: Certificate): string {
  return certificate.subject.isEmpty ? `serial ${certificate.serial}` : certificate.subject.text;
}
