import { fromUtf8 } from '@sekimori/bytes';
import { type DerNode, der } from '@sekimori/crypto-core';
import { DerCursor } from './asn1.ts';
import { ipText } from './ip.ts';
import { type DistinguishedName, readName } from './names.ts';
import { EXTENSION } from './oids.ts';

/** In the order of their bits. RFC 5280 section 4.2.1.3. */
export const KEY_USAGES = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** What stands inside the OCTET STRING. */
  readonly value: Uint8Array;
}

export type GeneralName =
  | { readonly type: 'dns' | 'uri' | 'ip' | 'email'; readonly value: string }
  | { readonly type: 'directoryName'; readonly value: DistinguishedName }
  | { readonly type: 'other'; readonly der: Uint8Array };

/** What the extensions say; undefined where one is absent. Others, also subjectDirectoryAttributes and crlDistributionPoints, stay raw in `all`. */
export interface Extensions {
  readonly all: ReadonlyMap<string, Extension>;
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly subjectAlternativeName: readonly GeneralName[] | undefined;
  readonly subjectKeyIdentifier: Uint8Array | undefined;
  readonly authorityKeyIdentifier: Uint8Array | undefined;
}

export const NO_EXTENSIONS: Extensions = {
  all: new Map(),
  basicConstraints: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  subjectAlternativeName: undefined,
  subjectKeyIdentifier: undefined,
  authorityKeyIdentifier: undefined,
};

/** Extensions of RFC 5280 section 4.1; each may stand there once. Inside `readingDer` only. */
export function readExtensions(list: DerCursor): Extensions {
  const all = new Map<string, Extension>();
  do {
    const entry = list.inside(der.TAG.sequence, 'extension');
    const oid = entry.oid('extnID');
    const critical = entry.sees(der.TAG.boolean) ? entry.boolean('critical') : false;
    const value = entry.next(der.TAG.octetString, 'extnValue').content;
    entry.end();
    if (all.has(oid)) list.stop(`the extension ${oid} stands there twice`);
    all.set(oid, { oid, critical, value });
  } while (!list.done);
  const read = <T>(oid: string, reader: (value: Uint8Array, at: string) => T): T | undefined => {
    const extension = all.get(oid);
    return extension && reader(extension.value, `${list.at}.${oid}`);
  };
  return {
    all,
    basicConstraints: read(EXTENSION.basicConstraints, readBasicConstraints),
    keyUsage: read(EXTENSION.keyUsage, readKeyUsage),
    extendedKeyUsage: read(EXTENSION.extendedKeyUsage, readExtendedKeyUsage),
    subjectAlternativeName: read(EXTENSION.subjectAlternativeName, readGeneralNames),
    subjectKeyIdentifier: read(EXTENSION.subjectKeyIdentifier, readSubjectKeyIdentifier),
    authorityKeyIdentifier: read(EXTENSION.authorityKeyIdentifier, readAuthorityKeyIdentifier),
  };
}

function readBasicConstraints(bytes: Uint8Array, at: string): NonNullable<Extensions['basicConstraints']> {
  const body = DerCursor.of(bytes, der.TAG.sequence, at);
  const ca = body.sees(der.TAG.boolean) ? body.boolean('cA') : false;
  const pathLength = body.sees(der.TAG.integer) ? body.number(255, 'pathLenConstraint') : undefined;
  body.end();
  return { ca, pathLength };
}

function readKeyUsage(bytes: Uint8Array, at: string): ReadonlySet<KeyUsage> {
  const outer = new DerCursor(bytes, at);
  const { content } = outer.next(der.TAG.bitString, 'bits');
  outer.end();
  const [unused = 8, first = 0, second = 0] = content;
  if (unused > 7 || content.length > 3 || (content.length === 1 && unused !== 0)) outer.stop('not a KeyUsage');
  const bits = (first << 8) | second;
  return new Set(KEY_USAGES.filter((_, bit) => bits & (0x8000 >> bit)));
}

function readExtendedKeyUsage(bytes: Uint8Array, at: string): readonly string[] {
  const body = DerCursor.of(bytes, der.TAG.sequence, at);
  const purposes: string[] = [];
  do purposes.push(body.oid('purpose'));
  while (!body.done);
  return purposes;
}

function readSubjectKeyIdentifier(bytes: Uint8Array, at: string): Uint8Array {
  const outer = new DerCursor(bytes, at);
  const { content } = outer.next(der.TAG.octetString, 'keyIdentifier');
  outer.end();
  return content;
}

function readAuthorityKeyIdentifier(bytes: Uint8Array, at: string): Uint8Array | undefined {
  const body = DerCursor.of(bytes, der.TAG.sequence, at);
  const identifier = body.optional(0x80, 'keyIdentifier')?.content;
  body.optional(0xa1, 'authorityCertIssuer');
  body.optional(0x82, 'authorityCertSerialNumber');
  body.end();
  return identifier;
}

function readGeneralNames(bytes: Uint8Array, at: string): readonly GeneralName[] {
  return readGeneralNamesIn(DerCursor.of(bytes, der.TAG.sequence, at));
}

/** One GeneralName or more, whatever tag holds them. RFC 5280 section 4.2.1.6. Inside `readingDer` only. */
export function readGeneralNamesIn(body: DerCursor): readonly GeneralName[] {
  const names: GeneralName[] = [];
  do names.push(readGeneralName(body.any('name'), body));
  while (!body.done);
  return names;
}

function readGeneralName(node: DerNode, from: DerCursor): GeneralName {
  switch (node.tag) {
    case 0x81:
      return { type: 'email', value: ia5(node, from) };
    case 0x82:
      return { type: 'dns', value: ia5(node, from) };
    case 0x86:
      return { type: 'uri', value: ia5(node, from) };
    case 0x87:
      return { type: 'ip', value: ipText(node.content) ?? from.stop('an address of neither 4 nor 16 bytes') };
    case 0xa4: {
      const inside = new DerCursor(node.content, `${from.at}.directoryName`);
      const name = readName(inside.next(der.TAG.sequence, 'name'), inside.at);
      inside.end();
      return { type: 'directoryName', value: name };
    }
    default:
      return { type: 'other', der: node.bytes };
  }
}

/** A zero byte or a control character inside a host name has fooled comparers before; both are refused. */
function ia5(node: DerNode, from: DerCursor): string {
  const text = fromUtf8(node.content);
  if (text === undefined || !/^[\x20-\x7e]*$/.test(text)) return from.stop('not printable ASCII');
  return text;
}
