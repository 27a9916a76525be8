import type { Crypto } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { type Certificate, parseCertificate } from './certificate.ts';
import { verifySignature } from './signed.ts';
import { type Issued, isSelfIssued, isTooLarge, MAX_RSA, nameOf } from './chain.ts';
import type { EndorsementOptions } from './endorsement.ts';
import { authorityNamed, vendorNamed } from './known-authorities.ts';
import { type PemBlock, scanPem } from './pem.ts';
import { isRocaWeak } from './roca.ts';
import { isSoftwareTpmVendor } from './tpm-vendors.ts';

export type TrustKind = 'root' | 'intermediate';

/** A certificate of the store. Those of one certificate that came twice are one. */
export interface TrustEntry {
  readonly certificate: Certificate;
  readonly kind: TrustKind;
  /** The registry's name where it is a known vendor, else what the caller said; undefined: nobody knows. */
  readonly vendor: string | undefined;
  /** Which manufacturers EK certificates below it may name, as `TpmIdentity.manufacturer`. Empty: it vouches for none. */
  readonly manufacturers: readonly string[];
  /** Where it came from, in the callers' words. */
  readonly provenance: readonly string[];
}

/** What is said of all the certificates of one file. */
export interface TrustSource {
  /** Where it comes from, for people: 'https://pki.infineon.com/OptigaRsaRootCA/OptigaRsaRootCA.crt, 2026-04-11'. */
  readonly provenance: string;
  /** The vendor as `vendorNamed` takes it, or any other name. Default: found from the subject, for authorities that are known. */
  readonly vendor?: string;
  /** Default: a CA that is signed by itself is a root, any other one an intermediate. A root that is named as such need not be. */
  readonly kind?: TrustKind;
  /** Default: those of the vendor. A vendor that is not known vouches for none until they are named. */
  readonly manufacturers?: readonly string[];
  /** For the finding `trust-expired`; without it no time is looked at. */
  readonly at?: Date;
}

export type TrustFindingCode =
  | 'trust-malformed'
  | 'trust-not-ca'
  | 'trust-key'
  | 'trust-full'
  | 'trust-expired'
  | 'trust-weak-signature'
  | 'trust-self-signature'
  | 'trust-vendor'
  | 'trust-software-vendor';

export interface TrustFinding {
  readonly code: TrustFindingCode;
  /** 'skipped': it is not in the store. 'warns': it is. */
  readonly severity: 'skipped' | 'warns';
  readonly detail: string;
  readonly provenance: string;
  /** Which one of the file's blocks, from 1; 0: the file as a whole. */
  readonly index: number;
  readonly certificate?: Certificate;
  readonly cause?: Fault;
}

/** Certificates in one store; all vendors' of 2026 together are about 260. */
const MAX_ENTRIES = 4096;

type Found = Result<Certificate>;
type Say = (severity: TrustFinding['severity'], code: TrustFindingCode, detail: string, cause?: Fault) => void;

/**
 * The roots and intermediates of TPM vendors that a deployment trusts, with who may vouch for whom. Nothing that is put in throws:
 * what a file holds besides good CA certificates is a finding. An empty store trusts nothing. TCG EK Credential Profile 2.x leaves
 * the choice of roots to the verifier.
 */
export class TrustStore {
  readonly #crypto: Crypto;
  readonly #entries = new Map<string, TrustEntry>();
  readonly #findings: TrustFinding[] = [];
  /** Intermediates by the key of their subject, so that a path costs no walk through all of them. */
  readonly #bySubject = new Map<string, Certificate[]>();
  #roots: readonly Certificate[] | undefined;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  /**
   * A file: one certificate in DER, or PEM with any number of them and any text around. Gives what is to be said about it; the
   * same stays in `findings`. `trust-malformed`: no certificate, or no PEM. `trust-not-ca`: it may not sign certificates.
   * `trust-key`: a key or a signature algorithm that is not supported or not sound. `trust-full`: more than 4096 certificates.
   * `trust-expired`, `trust-weak-signature` (SHA-1, not of roots, whose own signature proves nothing), `trust-self-signature`
   * (issued by its own name and signed by another key: taken as an intermediate), `trust-vendor` (not known, or another than before)
   * and `trust-software-vendor` warn.
   */
  add(file: Uint8Array | string, source: TrustSource): readonly TrustFinding[] {
    const before = this.#findings.length;
    for (const [index, found] of certificatesIn(file)) {
      const say: Say = (severity, code, detail, cause) =>
        this.#findings.push({
          code,
          severity,
          detail,
          provenance: source.provenance,
          index,
          ...(found.ok && { certificate: found.value }),
          ...(cause && { cause }),
        });
      if (found.ok) this.#take(found.value, source, say);
      else say('skipped', 'trust-malformed', 'not a certificate', found.fault);
    }
    return this.#findings.slice(before);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** In the order they came. */
  get entries(): readonly TrustEntry[] {
    return [...this.#entries.values()];
  }

  /** Of all files, in the order they came. */
  get findings(): readonly TrustFinding[] {
    return this.#findings;
  }

  /** By the hex SHA-256 of the whole certificate. */
  find(fingerprint: string): TrustEntry | undefined {
    return this.#entries.get(fingerprint);
  }

  get roots(): readonly Certificate[] {
    this.#roots ??= this.entries.flatMap(({ kind, certificate }) => (kind === 'root' ? [certificate] : []));
    return this.#roots;
  }

  /** The intermediates with the name of who issued this certificate or CRL. */
  issuersOf(issued: Issued): readonly Certificate[] {
    return this.#bySubject.get(issued.issuer.key) ?? [];
  }

  /** Empty for a root that is not of this store. */
  manufacturersOf(root: Certificate): readonly string[] {
    return this.#entries.get(root.fingerprint(this.#crypto))?.manufacturers ?? [];
  }

  /** For `checkEndorsementCertificate`; with a vendor or several, as entries name them, the roots of these alone. */
  trust(...vendors: readonly string[]): Required<Pick<EndorsementOptions, 'roots' | 'issuersOf' | 'manufacturersOf'>> {
    const isWanted = (root: Certificate) => vendors.includes(this.find(root.fingerprint(this.#crypto))?.vendor ?? '');
    return {
      roots: vendors.length === 0 ? this.roots : this.roots.filter(isWanted),
      issuersOf: (issued) => this.issuersOf(issued),
      manufacturersOf: (root) => this.manufacturersOf(root),
    };
  }

  #take(certificate: Certificate, source: TrustSource, say: Say): void {
    const sound = this.#sound(certificate);
    if (!sound.ok) {
      say('skipped', sound.fault.code, sound.fault.detail, sound.fault.cause);
      return;
    }
    const fingerprint = certificate.fingerprint(this.#crypto);
    const known = this.#entries.get(fingerprint);
    if (!known && this.#entries.size >= MAX_ENTRIES) {
      say('skipped', 'trust-full', `there are ${MAX_ENTRIES} certificates already`);
      return;
    }
    const kind = this.#kindOf(certificate, source, say);
    const entry = merge(known, certificate, kind, source, say);
    this.#entries.set(fingerprint, entry);
    this.#index(entry);
    if (source.at && !(source.at.getTime() <= certificate.notAfter.getTime()))
      say('warns', 'trust-expired', `'${nameOf(certificate)}' ended at ${certificate.notAfter.toISOString()}`);
    if (entry.kind === 'intermediate' && certificate.signatureAlgorithm.weak)
      say('warns', 'trust-weak-signature', `'${nameOf(certificate)}' is signed with SHA-1`);
  }

  #sound(certificate: Certificate): Result<void, Fault<'trust-not-ca' | 'trust-key'>> {
    const who = `'${nameOf(certificate)}'`;
    const { basicConstraints, keyUsage } = certificate.extensions;
    if (!basicConstraints?.ca) return fail('trust-not-ca', `${who} is not a CA`);
    if (keyUsage && !keyUsage.has('keyCertSign')) return fail('trust-not-ca', `${who} may not sign certificates`);
    const key = certificate.publicKey(this.#crypto);
    if (!key.ok) return fail('trust-key', `the key of ${who} is not supported`, { cause: key.fault });
    if (isTooLarge(this.#crypto, certificate))
      return fail('trust-key', `the RSA key of ${who} has more than ${MAX_RSA} bits`);
    if (key.value.type === 'rsa' && isRocaWeak(key.value.modulus))
      return fail('trust-key', `the RSA key of ${who} was made by a flawed generator (CVE-2017-15361)`);
    if (!certificate.signatureAlgorithm.name)
      return fail('trust-key', `${who} is signed with ${certificate.signatureAlgorithm.oid}, which is not supported`);
    return ok(undefined);
  }

  #kindOf(certificate: Certificate, source: TrustSource, say: Say): TrustKind {
    if (source.kind) return source.kind;
    if (!isSelfIssued(certificate)) return 'intermediate';
    const key = certificate.publicKey(this.#crypto);
    if (key.ok && verifySignature(this.#crypto, certificate, key.value)) return 'root';
    say('warns', 'trust-self-signature', `'${nameOf(certificate)}' names itself as its issuer and did not sign itself`);
    return 'intermediate';
  }

  #index({ certificate, kind }: TrustEntry): void {
    this.#roots = undefined;
    const { key } = certificate.subject;
    const others = (this.#bySubject.get(key) ?? []).filter((other) => other.der !== certificate.der);
    this.#bySubject.set(key, kind === 'intermediate' ? [...others, certificate] : others);
  }
}

/** The entry, and what came before it under the same fingerprint. */
function merge(
  known: TrustEntry | undefined,
  certificate: Certificate,
  kind: TrustKind,
  source: TrustSource,
  say: Say,
): TrustEntry {
  const who = `'${nameOf(certificate)}'`;
  const named = source.vendor === undefined ? undefined : vendorNamed(source.vendor);
  const found = authorityNamed(certificate.subject);
  const vendor = known?.vendor ?? named?.vendor ?? source.vendor ?? found?.vendor;
  const said = named?.vendor ?? source.vendor;
  // what the caller says is right; the subject tells more where it is the same vendor (Pluton in processors of others)
  const implied = said === undefined || said === found?.vendor ? found : named;
  const manufacturers = source.manufacturers ?? implied?.manufacturers ?? [];
  const vouches = kind === 'intermediate' || manufacturers.length > 0;
  if (vendor === undefined)
    say(
      'warns',
      'trust-vendor',
      `nothing tells the vendor of ${who}${vouches ? '' : ", and it vouches for no TPM until 'manufacturers' is given"}`,
    );
  else if (said !== undefined && known?.vendor !== undefined && said !== known.vendor)
    say('warns', 'trust-vendor', `${who} was of ${known.vendor} before, and now of ${said}`);
  if (kind === 'root' && manufacturers.some(isSoftwareTpmVendor))
    say('warns', 'trust-software-vendor', `${who} may vouch for TPMs in software`);
  return {
    certificate: known?.certificate ?? certificate,
    kind: known?.kind === 'root' ? 'root' : kind,
    vendor,
    manufacturers: [...new Set([...(known?.manufacturers ?? []), ...manufacturers])],
    provenance: [...new Set([...(known?.provenance ?? []), source.provenance])],
  };
}

/** The certificates of a file with their places, and faults where something else stands. */
function* certificatesIn(file: Uint8Array | string): Generator<readonly [number, Found]> {
  // no text begins so: 0x30 and a length of several bytes, as every certificate has it
  if (typeof file !== 'string' && file[0] === 0x30 && (file[1] ?? 0) >= 0x80) {
    yield [1, parseCertificate(file)];
    return;
  }
  const text = typeof file === 'string' ? file : new TextDecoder('latin1').decode(file);
  const scanned = scanPem(text);
  if (!scanned.ok) yield [0, scanned];
  else for (const [index, block] of scanned.value.entries()) yield [index + 1, block.ok ? inBlock(block.value) : block];
}

function inBlock({ label, der }: PemBlock): Found {
  if (label !== 'CERTIFICATE') return fail('pem-malformed', `a ${label} among certificates`);
  return parseCertificate(der);
}
