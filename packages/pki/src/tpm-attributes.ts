import { fromUtf8 } from '@sekimori/bytes';
import { type DerNode, der } from '@sekimori/crypto-core';
import { type Fault, ok, type Result } from '@sekimori/result';
import { DerCursor, readingDer } from './asn1.ts';
import type { Certificate } from './certificate.ts';
import { EXTENSION, TCG_ATTRIBUTE } from './oids.ts';

export interface TpmIdentity {
  /** Four bytes of the TCG vendor id registry in lower-case hex: '53544d20' is STMicroelectronics. */
  readonly manufacturer: string;
  readonly model: string;
  /** Firmware version as written, usually 'id:' and hex. */
  readonly version: string;
}

/** tpmSpecification: which TPM Library the TPM was made after, as '2.0', level 0, revision 138. */
export interface TpmSpecification {
  readonly family: string;
  readonly level: number;
  readonly revision: number;
}

const ENUMERATED = 0x0a;
const GENERATION_TYPES = ['internal', 'injected', 'internalRevocable', 'injectedRevocable'] as const;
const GENERATION_PLACES = ['tpmManufacturer', 'platformManufacturer', 'ekCertSigner'] as const;

/** tpmSecurityAssertions: what the maker says of how the TPM was made. TCG EK Credential Profile. Undefined where it does not say. */
export interface TpmSecurityAssertions {
  readonly fieldUpgradable: boolean;
  readonly ekGenerationType: (typeof GENERATION_TYPES)[number] | undefined;
  readonly ekGenerationLocation: (typeof GENERATION_PLACES)[number] | undefined;
  readonly ekCertificateGenerationLocation: (typeof GENERATION_PLACES)[number] | undefined;
  /** CommonCriteriaMeasures in DER, as it stands there. */
  readonly commonCriteria: Uint8Array | undefined;
  readonly fips: { readonly version: string; readonly level: number; readonly plus: boolean } | undefined;
  readonly iso9000Certified: boolean;
}

/** What of manufacturer, model and version stands in the subject alternative name, once each, in separate RDNs or one, in any order. */
export function tpmNamesOf(certificate: Certificate): Partial<TpmIdentity> {
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
  return { ...(manufacturer && { manufacturer }), ...(model && { model }), ...(version && { version }) };
}

/** All three of them, or undefined. */
export function tpmIdentityOf(certificate: Certificate): TpmIdentity | undefined {
  const { manufacturer, model, version } = tpmNamesOf(certificate);
  return manufacturer && model && version ? { manufacturer, model, version } : undefined;
}

/** Undefined: the certificate does not say. */
export function tpmSpecificationOf(
  certificate: Certificate,
): Result<TpmSpecification | undefined, Fault<'certificate-malformed'>> {
  return readAttribute(certificate, TCG_ATTRIBUTE.tpmSpecification, (body) => {
    const family = textOf(body.next(der.TAG.utf8String, 'family'), body);
    const level = body.number(0xffff_ffff, 'level');
    const revision = body.number(0xffff_ffff, 'revision');
    body.end();
    return { family, level, revision };
  });
}

/**
 * Undefined: the certificate does not say. The profile tags its fields implicitly; certificates of Infineon tag them explicitly and
 * the last one not at all, so both are read.
 */
export function tpmSecurityAssertionsOf(
  certificate: Certificate,
): Result<TpmSecurityAssertions | undefined, Fault<'certificate-malformed'>> {
  return readAttribute(certificate, TCG_ATTRIBUTE.tpmSecurityAssertions, (body) => {
    body.optional(der.TAG.integer, 'version');
    const fieldUpgradable = body.sees(der.TAG.boolean) && body.boolean('fieldUpgradable');
    const choice = <T>(n: number, what: string, values: readonly T[]): T | undefined => {
      const wrapper = body.sees(0xa0 | n) ? body.inside(0xa0 | n, what) : undefined;
      const found = (wrapper ? wrapper.next(ENUMERATED, what) : body.optional(0x80 | n, what))?.content;
      wrapper?.end();
      return found && ((found.length === 1 && values[found[0] as number]) || body.stop('not one of the values', what));
    };
    const ekGenerationType = choice(0, 'ekGenerationType', GENERATION_TYPES);
    const ekGenerationLocation = choice(1, 'ekGenerationLocation', GENERATION_PLACES);
    const ekCertificateGenerationLocation = choice(2, 'ekCertificateGenerationLocation', GENERATION_PLACES);
    const commonCriteria = body.optional(0xa3, 'ccInfo')?.content;
    const fips = body.sees(0xa4) ? readFips(unwrapped(body.inside(0xa4, 'fipsLevel'))) : undefined;
    const last = body.sees(0xa5) ? body.inside(0xa5, 'iso9000Certified') : body;
    const tag = last.sees(0x85) ? 0x85 : der.TAG.boolean;
    const iso9000Certified = last.sees(tag) && last.boolean('iso9000Certified', tag);
    if (last !== body) last.end();
    body.optional(der.TAG.ia5String, 'iso9000Uri');
    body.end();
    return {
      fieldUpgradable,
      ekGenerationType,
      ekGenerationLocation,
      ekCertificateGenerationLocation,
      commonCriteria,
      fips,
      iso9000Certified,
    };
  });
}

/** Inside the SEQUENCE that an explicit tag holds; an implicit one holds its elements. */
function unwrapped(body: DerCursor): DerCursor {
  if (!body.sees(der.TAG.sequence)) return body;
  const inside = body.inside(der.TAG.sequence, 'value');
  body.end();
  return inside;
}

function readFips(body: DerCursor): TpmSecurityAssertions['fips'] {
  const version = textOf(body.next(der.TAG.ia5String, 'version'), body);
  const [level = 0] = body.next(ENUMERATED, 'level').content;
  const plus = body.sees(der.TAG.boolean) && body.boolean('plus');
  body.end();
  return { version, level, plus };
}

/** The one value of an attribute in subjectDirectoryAttributes, a SEQUENCE. RFC 5280 section 4.2.1.8. */
function readAttribute<T>(
  certificate: Certificate,
  wanted: string,
  read: (body: DerCursor) => T,
): Result<T | undefined, Fault<'certificate-malformed'>> {
  const found = certificate.extensions.all.get(EXTENSION.subjectDirectoryAttributes);
  if (!found) return ok(undefined);
  return readingDer('certificate-malformed', () => {
    const list = DerCursor.of(found.value, der.TAG.sequence, 'subjectDirectoryAttributes');
    let value: T | undefined;
    while (!list.done) {
      const attribute = list.inside(der.TAG.sequence, 'attribute');
      const type = attribute.oid('type');
      const values = attribute.inside(der.TAG.set, 'values');
      attribute.end();
      if (type !== wanted) continue;
      if (value !== undefined) list.stop(`the attribute ${type} stands there twice`);
      value = read(values.inside(der.TAG.sequence, 'value'));
      values.end();
    }
    return value;
  });
}

function textOf(node: DerNode, from: DerCursor): string {
  return fromUtf8(node.content) ?? from.stop('not UTF-8');
}
