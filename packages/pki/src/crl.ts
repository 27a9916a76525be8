import { equal, utf8 } from '@sekimori/bytes';
import { type Crypto, der, type PublicKey } from '@sekimori/crypto-core';
import { type Fault, fail, ok, type Result } from '@sekimori/result';
import { DerCursor, readingDer } from './asn1.ts';
import { CrlEntries, type EntryPlaces, readEntries } from './crl-entries.ts';
import { readPointName, reasonsOf } from './distribution-points.ts';
import { type Extensions, type GeneralName, NO_EXTENSIONS, readExtensions } from './extensions.ts';
import { type DistinguishedName, readName } from './names.ts';
import { EXTENSION } from './oids.ts';
import type { CertificateSignatureAlgorithm } from './signature-algorithms.ts';
import { readSigned, type Signed, verifySignature } from './signed.ts';
import { timeOf } from './time.ts';

export const MAX_CRL_BYTES = 8 * 1024 * 1024;

/** Which certificates a CRL speaks of: issuingDistributionPoint, RFC 5280 section 5.2.5. */
export interface CrlScope {
  /** Its entries may be of certificates that others issued. */
  readonly indirect: boolean;
  readonly onlyUserCertificates: boolean;
  readonly onlyCaCertificates: boolean;
  readonly onlyAttributeCertificates: boolean;
  /** Bits of ReasonFlags, bit n as `1 << n`; undefined: all reasons. */
  readonly onlySomeReasons: number | undefined;
  /** Only certificates that name one of these as their distribution point; undefined: no such limit. */
  readonly names: readonly GeneralName[] | undefined;
}

const WHOLE: CrlScope = {
  indirect: false,
  onlyUserCertificates: false,
  onlyCaCertificates: false,
  onlyAttributeCertificates: false,
  onlySomeReasons: undefined,
  names: undefined,
};

interface Fields extends Signed {
  readonly version: 1 | 2;
  readonly issuer: DistinguishedName;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | undefined;
  readonly extensions: Extensions;
  readonly scope: CrlScope;
  readonly places: EntryPlaces;
}

/** A complete CRL as read: nothing in it is believed yet. RFC 5280 section 5.1. */
export class Crl {
  /** All of it, as received. */
  readonly der: Uint8Array;
  /** The signed bytes, as received. */
  readonly tbs: Uint8Array;
  readonly version: 1 | 2;
  readonly issuer: DistinguishedName;
  readonly thisUpdate: Date;
  /** RFC 5280 asks for it; a CRL without one cannot be known to be current. */
  readonly nextUpdate: Date | undefined;
  readonly signatureAlgorithm: CertificateSignatureAlgorithm;
  readonly signature: Uint8Array;
  readonly extensions: Extensions;
  readonly scope: CrlScope;
  readonly entries: CrlEntries;
  #signer: { readonly crypto: Crypto; readonly key: PublicKey; readonly holds: boolean } | undefined;

  constructor(bytes: Uint8Array, fields: Fields) {
    this.der = bytes;
    this.tbs = fields.tbs;
    this.version = fields.version;
    this.issuer = fields.issuer;
    this.thisUpdate = fields.thisUpdate;
    this.nextUpdate = fields.nextUpdate;
    this.signatureAlgorithm = fields.signatureAlgorithm;
    this.signature = fields.signature;
    this.extensions = fields.extensions;
    this.scope = fields.scope;
    this.entries = new CrlEntries(bytes, fields.issuer, fields.places);
  }

  /** Whether this key made its signature; the last answer is kept, since a CRL is asked for many certificates. */
  isSignedBy(crypto: Crypto, key: PublicKey): boolean {
    if (this.#signer?.crypto !== crypto || this.#signer.key !== key)
      this.#signer = { crypto, key, holds: verifySignature(crypto, this, key) };
    return this.#signer.holds;
  }
}

/**
 * Total and bounded; works on its own copy. `crl-malformed`: not one CertificateList in DER, or larger than 8 MiB. Of PEM text, `readPem`
 * gives the DER.
 * `crl-unsupported`: a delta CRL, or one with a critical extension, of its own or of an entry, that is not processed: RFC 5280
 * sections 5.2 and 5.3 forbid to judge any certificate by it.
 */
export function parseCrl(bytes: Uint8Array): Result<Crl, Fault<'crl-malformed' | 'crl-unsupported'>> {
  if (bytes.length > MAX_CRL_BYTES) return fail('crl-malformed', `${bytes.length} bytes, at most ${MAX_CRL_BYTES}`);
  const own = Uint8Array.from(bytes);
  const read = readingDer('crl-malformed', () => readCrl(own));
  if (!read.ok) return isPem(own) ? fail('crl-malformed', 'it is PEM: readPem gives the DER in it') : read;
  const { fields, unsupported } = read.value;
  return unsupported === undefined ? ok(new Crl(own, fields)) : fail('crl-unsupported', unsupported);
}

const PEM_BEGINS = utf8('-----BEGIN');

function isPem(bytes: Uint8Array): boolean {
  return equal(bytes.subarray(0, PEM_BEGINS.length), PEM_BEGINS);
}

const PROCESSED: ReadonlySet<string> = new Set([
  EXTENSION.issuingDistributionPoint,
  EXTENSION.authorityKeyIdentifier,
  EXTENSION.crlNumber,
]);

function readCrl(bytes: Uint8Array): { readonly fields: Fields; readonly unsupported: string | undefined } {
  const { content: tbs, repeatedAlgorithm, ...signed } = readSigned(bytes, 'CertificateList', 'tbsCertList');
  const version = tbs.sees(der.TAG.integer) ? ((tbs.number(1, 'version') + 1) as 1 | 2) : 1;
  repeatedAlgorithm();
  const issuer = readName(tbs.next(der.TAG.sequence, 'issuer'), 'tbsCertList.issuer');
  const thisUpdate = timeOf(tbs.any('thisUpdate')) ?? tbs.stop('not a time', 'thisUpdate');
  const hasNext = tbs.sees(der.TAG.utcTime) || tbs.sees(der.TAG.generalizedTime);
  const nextUpdate = hasNext ? (timeOf(tbs.any('nextUpdate')) ?? tbs.stop('not a time', 'nextUpdate')) : undefined;
  const list = tbs.sees(der.TAG.sequence) ? tbs.inside(der.TAG.sequence, 'revokedCertificates') : undefined;
  const entries = readEntries(list, bytes, version);
  let extensions = NO_EXTENSIONS;
  if (tbs.sees(0xa0)) {
    if (version !== 2) tbs.stop('extensions in a version 1 CRL');
    const wrapper = tbs.inside(0xa0, 'crlExtensions');
    extensions = readExtensions(wrapper.inside(der.TAG.sequence, 'list'));
    wrapper.end();
  }
  tbs.end();
  const scope = readScope(extensions);
  if (entries.namesIssuers && !scope.value.indirect)
    tbs.stop('an entry names its certificate issuer in a CRL that is not indirect', 'revokedCertificates');
  const unknown = [...extensions.all.values()].find(({ oid, critical }) => critical && !PROCESSED.has(oid));
  const unsupported = extensions.all.has(EXTENSION.deltaCrlIndicator)
    ? 'a delta CRL, which says nothing by itself'
    : (scope.unsupported ??
      (unknown ? `it has the critical extension ${unknown.oid}, which is not processed` : entries.unsupported));
  return {
    fields: {
      ...signed,
      version,
      issuer,
      thisUpdate,
      nextUpdate,
      extensions,
      scope: scope.value,
      places: entries.places,
    },
    unsupported,
  };
}

function readScope(extensions: Extensions): { readonly value: CrlScope; readonly unsupported?: string } {
  const found = extensions.all.get(EXTENSION.issuingDistributionPoint);
  if (!found) return { value: WHOLE };
  const body = DerCursor.of(found.value, der.TAG.sequence, 'issuingDistributionPoint');
  const named = body.sees(0xa0);
  const names = named ? readPointName(body.inside(0xa0, 'distributionPoint')) : undefined;
  const flag = (tag: number, what: string) => body.sees(tag) && body.boolean(what, tag);
  const onlyUserCertificates = flag(0x81, 'onlyContainsUserCerts');
  const onlyCaCertificates = flag(0x82, 'onlyContainsCACerts');
  const onlySomeReasons = body.sees(0x83) ? reasonsOf(body.any('onlySomeReasons').content) : undefined;
  const indirect = flag(0x84, 'indirectCRL');
  const onlyAttributeCertificates = flag(0x85, 'onlyContainsAttributeCerts');
  body.end();
  return {
    value: {
      indirect,
      onlyUserCertificates,
      onlyCaCertificates,
      onlyAttributeCertificates,
      onlySomeReasons,
      names,
    },
    ...(named && !names && { unsupported: 'its distribution point is relative to the name of its issuer' }),
  };
}
