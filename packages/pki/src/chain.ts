import { equal } from '@sekimori/bytes';
import type { Crypto } from '@sekimori/crypto-core';
import { type Failed, type Fault, type Result, fail, ok } from '@sekimori/result';
import type { Certificate } from './certificate.ts';
import { verifySignature } from './signed.ts';
import type { ChainCache } from './chain-cache.ts';
import { EXTENSION, PURPOSE } from './oids.ts';

/** What is looked at to find who signed a certificate or a CRL. */
export type Issued = Pick<Certificate, 'issuer' | 'extensions'>;

export interface PathOptions {
  /** May be from the other side, in any order, useful or not; at most 512. */
  readonly intermediates: readonly Certificate[];
  /** More intermediates, looked up where they are needed; `TrustStore.trust` gives it. */
  readonly issuersOf?: (issued: Issued) => readonly Certificate[];
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

/** What the options may let pass. */
export type ChainFindingCode = 'chain-expired' | 'chain-weak-signature';

export interface ChainFinding {
  readonly code: ChainFindingCode;
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

/** What is wrong with a certificate of a path whose signatures hold. */
type ChainFlaw = { readonly certificate: Certificate } & (
  | { readonly refuses: true; readonly fault: ChainFault }
  /** Let pass because the options say so. */
  | { readonly refuses: false; readonly fault: Fault<ChainFindingCode> }
);

export interface PathExamination {
  readonly outcome: Result<ValidatedPath, ChainFault>;
  /** Leaf first, root last: the accepted path, else the first whose signatures hold. Undefined: there is none. */
  readonly chain: readonly Certificate[] | undefined;
  /** All there is to say about `chain`, from the leaf on. */
  readonly flaws: readonly ChainFlaw[];
  /** Not every way was tried: there were more signatures to check than are checked. */
  readonly exhausted: boolean;
}

/** Certificates in a path, root included. */
const MAX_PATH = 8;
/** Signatures checked for one leaf, whatever was sent along: a path of MAX_PATH, and one astray. */
const MAX_SIGNATURES = 8;
/** Bits. Verifying costs their square, and strangers choose the key; vendors of TPMs use 4096 at most. */
export const MAX_RSA = 4096;
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
  return examinePath(crypto, leaf, options).outcome;
}

/** As `validatePath`, with all that is wrong with the path instead of the first of it. */
export function examinePath(crypto: Crypto, leaf: Certificate, options: PathOptions): PathExamination {
  if (options.intermediates.length > MAX_INTERMEDIATES) {
    const detail = `${options.intermediates.length} intermediates, at most ${MAX_INTERMEDIATES}`;
    return { outcome: fail('chain-too-long', detail), chain: undefined, flaws: [], exhausted: true };
  }
  let signatures = 0;
  const reached: { root?: { readonly chain: readonly Certificate[]; readonly flaws: readonly ChainFlaw[] } } = {};

  /** Every way on from the end of `path`, roots first. */
  function search(path: readonly Certificate[]): Result<ValidatedPath, ChainFault> {
    const last = path.at(-1) as Certificate;
    if (options.roots.some((root) => sameCertificate(root, last))) {
      const flaws = judge(path, options);
      const outcome = outcomeOf(path, flaws);
      if (outcome.ok || !reached.root) reached.root = { chain: path, flaws };
      return outcome;
    }
    if (path.length >= MAX_PATH) return fail('chain-too-long', `no root within ${MAX_PATH} certificates`);
    let refused: Failed<ChainFault> | undefined;
    for (const candidate of [...options.roots, ...options.intermediates, ...(options.issuersOf?.(last) ?? [])]) {
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

  const found = search([leaf]);
  // what is wrong with a path whose signatures hold says more than one that does not
  const outcome = reached.root ? outcomeOf(reached.root.chain, reached.root.flaws) : found;
  if (outcome.ok && options.cache) {
    const { chain } = outcome.value;
    for (let i = 1; i + 1 < chain.length; i++)
      options.cache.add(crypto, chain[i] as Certificate, chain[i + 1] as Certificate);
  }
  return {
    outcome,
    chain: reached.root?.chain,
    flaws: reached.root?.flaws ?? [],
    exhausted: signatures > MAX_SIGNATURES,
  };
}

function outcomeOf(chain: readonly Certificate[], flaws: readonly ChainFlaw[]): Result<ValidatedPath, ChainFault> {
  const findings: ChainFinding[] = [];
  for (const { refuses, fault, certificate } of flaws) {
    if (refuses) return { ok: false, fault };
    findings.push({ code: fault.code, detail: fault.detail, certificate });
  }
  return ok({ chain, root: chain.at(-1) as Certificate, findings });
}

/** Everything but the signatures. */
function judge(chain: readonly Certificate[], options: PathOptions): readonly ChainFlaw[] {
  const flaws: ChainFlaw[] = [];
  let below = 0; // issuers under this one that are not self-issued: what pathLenConstraint counts
  for (const [depth, certificate] of chain.entries()) {
    const isLeaf = depth === 0;
    const isRoot = depth === chain.length - 1;
    const who = `'${nameOf(certificate)}'`;
    const flaw = (code: ChainFault['code'], detail: string) =>
      flaws.push({ refuses: true, fault: { code, detail }, certificate });
    const byOption = (refuses: boolean, code: ChainFindingCode, detail: string) =>
      flaws.push({ refuses, fault: { code, detail }, certificate });
    if (options.at.getTime() < certificate.notBefore.getTime())
      flaw('chain-not-yet-valid', `${who} is valid from ${certificate.notBefore.toISOString()}`);
    // the negation, so that an invalid Date is refused
    if (!(options.at.getTime() <= certificate.notAfter.getTime())) {
      const refuses = options.expired !== 'finding' || Number.isNaN(options.at.getTime());
      byOption(refuses, 'chain-expired', `${who} ended at ${certificate.notAfter.toISOString()}`);
    }
    for (const { oid, critical } of certificate.extensions.all.values()) {
      if (!critical || PROCESSED.has(oid) || (isLeaf && options.understood?.includes(oid))) continue;
      const code = oid === EXTENSION.nameConstraints ? 'chain-name-constraints' : 'chain-critical-extension';
      flaw(code, `${who} has the critical extension ${oid}, which is not processed`);
    }
    // a root's own signature proves nothing, so its hash does not matter
    if (!isRoot && certificate.signatureAlgorithm.weak) {
      const detail = `${who} is signed with ${certificate.signatureAlgorithm.name ?? 'an unknown algorithm'}`;
      byOption(options.weakSignatures !== 'finding', 'chain-weak-signature', detail);
    }
    const purposes = certificate.extensions.extendedKeyUsage;
    if (options.purpose !== 'any' && (isLeaf || (purposes && !isRoot))) {
      const fits = purposes?.includes(options.purpose) || (!isLeaf && purposes?.includes(PURPOSE.any));
      if (!fits) flaw('chain-purpose', `${who} is not for ${options.purpose}`);
    }
    if (isLeaf) continue;
    for (const { code, detail } of flawsOfIssuer(certificate, who, below)) flaw(code, detail);
    if (!isSelfIssued(certificate)) below++;
  }
  return flaws;
}

function flawsOfIssuer({ extensions }: Certificate, who: string, below: number): readonly ChainFault[] {
  const flaws: ChainFault[] = [];
  if (!extensions.basicConstraints?.ca) flaws.push({ code: 'chain-not-ca', detail: `${who} is not a CA` });
  if (extensions.keyUsage && !extensions.keyUsage.has('keyCertSign'))
    flaws.push({ code: 'chain-key-usage', detail: `${who} may not sign certificates` });
  const pathLength = extensions.basicConstraints?.pathLength;
  if (pathLength !== undefined && below > pathLength)
    flaws.push({
      code: 'chain-path-length',
      detail: `${who} allows ${pathLength} issuers below it, ${below} are there`,
    });
  for (const oid of CONSTRAINTS.filter((constraint) => extensions.all.has(constraint)))
    flaws.push(
      oid === EXTENSION.nameConstraints
        ? { code: 'chain-name-constraints', detail: `${who} constrains names` }
        : { code: 'chain-critical-extension', detail: `${who} has the constraint ${oid}, which is not processed` },
    );
  return flaws;
}

/** By name, and by key identifier where both sides have one. Only the signature proves it. */
export function mayHaveIssued(issuer: Certificate, issued: Issued): boolean {
  if (!issuer.subject.matches(issued.issuer)) return false;
  const [held, wanted] = [issuer.extensions.subjectKeyIdentifier, issued.extensions.authorityKeyIdentifier];
  return !held || !wanted || equal(held, wanted);
}

export function isTooLarge(crypto: Crypto, issuer: Certificate): boolean {
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

export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.issuer.matches(certificate.subject);
}

export function sameCertificate(a: Certificate, b: Certificate): boolean {
  return a === b || equal(a.der, b.der);
}

export function nameOf(certificate: Certificate): string {
  return certificate.subject.isEmpty ? `serial ${certificate.serial}` : certificate.subject.text;
}
