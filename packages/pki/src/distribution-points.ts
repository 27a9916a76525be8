import { der } from '@sekimori/crypto-core';
import { type Fault, ok, type Result } from '@sekimori/result';
import { DerCursor, readingDer } from './asn1.ts';
import type { Certificate } from './certificate.ts';
import { type GeneralName, readGeneralNamesIn } from './extensions.ts';
import { EXTENSION } from './oids.ts';

/** Where CRLs for a certificate come from. RFC 5280 section 4.2.1.13. */
export interface DistributionPoint {
  /** Undefined: none is given, or it is one relative to the issuer's name, which RFC 5280 advises against. */
  readonly names: readonly GeneralName[] | undefined;
  /** Bits of ReasonFlags, bit n as `1 << n`; undefined: all reasons. */
  readonly reasons: number | undefined;
  /** Who signs the CRL where that is not the certificate's issuer: the CRL is an indirect one then. Empty otherwise. */
  readonly crlIssuer: readonly GeneralName[];
}

/** ReasonFlags 1 to 8, all that a CRL can tell; bit 0 is unused. */
export const ALL_REASONS = 0x1fe;
const CA_ISSUERS = '1.3.6.1.5.5.7.48.2';

/** The distribution points of a certificate; none where the extension is absent. */
export function crlDistributionPointsOf(
  certificate: Certificate,
): Result<readonly DistributionPoint[], Fault<'certificate-malformed'>> {
  const found = certificate.extensions.all.get(EXTENSION.crlDistributionPoints);
  if (!found) return ok([]);
  return readingDer('certificate-malformed', () => {
    const list = DerCursor.of(found.value, der.TAG.sequence, 'cRLDistributionPoints');
    const points: DistributionPoint[] = [];
    do {
      const point = list.inside(der.TAG.sequence, 'distributionPoint');
      const names = point.sees(0xa0) ? readPointName(point.inside(0xa0, 'distributionPoint')) : undefined;
      const reasons = point.sees(0x81) ? reasonsOf(point.any('reasons').content) : undefined;
      const crlIssuer = point.sees(0xa2) ? readGeneralNamesIn(point.inside(0xa2, 'cRLIssuer')) : [];
      point.end();
      points.push({ names, reasons, crlIssuer });
    } while (!list.done);
    return points;
  });
}

/** Addresses to fetch CRLs for this certificate from, as written there; nothing is fetched here. */
export function crlAddressesOf(certificate: Certificate): readonly string[] {
  const points = crlDistributionPointsOf(certificate);
  return points.ok ? points.value.flatMap(({ names }) => addressesIn(names ?? [])) : [];
}

/** Addresses to fetch the issuer's certificate from: caIssuers of authorityInfoAccess, RFC 5280 section 4.2.2.1. */
export function issuerAddressesOf(certificate: Certificate): readonly string[] {
  const found = certificate.extensions.all.get(EXTENSION.authorityInformationAccess);
  if (!found) return [];
  const read = readingDer('certificate-malformed', () => {
    const list = DerCursor.of(found.value, der.TAG.sequence, 'authorityInfoAccess');
    const names: GeneralName[] = [];
    while (!list.done) {
      const description = list.inside(der.TAG.sequence, 'accessDescription');
      const method = description.oid('accessMethod');
      const location = readGeneralNamesIn(description); // one name is due; readers need not mind more
      if (method === CA_ISSUERS) names.push(...location);
    }
    return names;
  });
  return read.ok ? addressesIn(read.value) : [];
}

/** DistributionPointName: the full name's parts; undefined for one relative to the issuer. Inside `readingDer` only. */
export function readPointName(choice: DerCursor): readonly GeneralName[] | undefined {
  const names = choice.sees(0xa0) ? readGeneralNamesIn(choice.inside(0xa0, 'fullName')) : undefined;
  if (!names) choice.next(0xa1, 'nameRelativeToCRLIssuer');
  choice.end();
  return names;
}

/** ReasonFlags from the content of its BIT STRING: bit n of it as `1 << n`. RFC 5280 section 4.2.1.13. */
export function reasonsOf(content: Uint8Array): number {
  const [, first = 0, second = 0] = content;
  const bits = (first << 8) | second;
  let reasons = 0;
  for (let bit = 1; bit <= 8; bit++) if (bits & (0x8000 >> bit)) reasons |= 1 << bit;
  return reasons;
}

function addressesIn(names: readonly GeneralName[]): readonly string[] {
  return names.flatMap((name) => (name.type === 'uri' ? [name.value] : []));
}
