import { equal, fromUtf8, toHex, utf8 } from '@sekimori/bytes';
import { type DerNode, der } from '@sekimori/crypto-core';
import { DerCursor } from './asn1.ts';
import { NAME_ATTRIBUTE } from './oids.ts';

const TELETEX_STRING = 0x14;
const BMP_STRING = 0x1e;
const TYPES = new Map<string, Uint8Array>(Object.entries(NAME_ATTRIBUTE).map(([name, oid]) => [name, der.oid(oid)]));
const SHORT_NAMES = new Map<string, string>(Object.entries(NAME_ATTRIBUTE).map(([name, oid]) => [oid, name]));

export interface NameAttribute {
  readonly type: string;
  /** The text; for a value that is no text, '#' and the hex of its DER, as RFC 4514 section 2.4 has it. */
  readonly value: string;
}

/** Name of RFC 5280 section 4.1.2.4: RDNs in wire order, each a set of attributes (multi-valued ones occur in EK certificates). */
export class DistinguishedName {
  /** As received. */
  readonly der: Uint8Array;
  readonly rdns: readonly (readonly NameAttribute[])[];
  #key: string | undefined;

  constructor(bytes: Uint8Array, rdns: DistinguishedName['rdns']) {
    this.der = bytes;
    this.rdns = rdns;
  }

  /** For people: RFC 4514, so the last RDN first. Control characters are escaped. */
  get text(): string {
    return this.rdns
      .map((rdn) => rdn.map(({ type, value }) => `${SHORT_NAMES.get(type) ?? type}=${escaped(value)}`).join('+'))
      .toReversed()
      .join(',');
  }

  get isEmpty(): boolean {
    return this.rdns.length === 0;
  }

  /**
   * The same name: equal bytes, or equal once string type, case and spacing are put aside (RFC 5280 section 7.1). TPM vendors
   * write one name as PrintableString here and UTF8String there, and the parts of a multi-valued RDN in any order.
   */
  matches(other: DistinguishedName): boolean {
    return equal(this.der, other.der) || this.key === other.key;
  }

  /** Equal for names that match, so that they can be looked up. Not for people. */
  get key(): string {
    this.#key ??= JSON.stringify(
      this.rdns.map((rdn) => rdn.map(({ type, value }) => [type, foldedText(value)].join('=')).toSorted()),
    );
    return this.#key;
  }

  /** The values of one attribute type, wherever they stand. */
  values(type: string): readonly string[] {
    return this.rdns.flat().flatMap((attribute) => (attribute.type === type ? [attribute.value] : []));
  }
}

/** Inside `readingDer` only. */
export function readName(node: DerNode, at: string): DistinguishedName {
  const rdns: NameAttribute[][] = [];
  const name = new DerCursor(node.content, at);
  while (!name.done) {
    const set = name.inside(der.TAG.set, 'rdn');
    const rdn: NameAttribute[] = [];
    do {
      const attribute = set.inside(der.TAG.sequence, 'attribute');
      rdn.push({ type: attribute.oid('type'), value: textOf(attribute.any('value')) });
      attribute.end();
    } while (!set.done);
    rdns.push(rdn);
  }
  return new DistinguishedName(node.bytes, rdns);
}

/** `writeName({ O: 'Sekimori', CN: 'server CA' })`: one RDN each, in the order given, as UTF8String (C: PrintableString). */
export function writeName(parts: Partial<Record<keyof typeof NAME_ATTRIBUTE, string>>): Uint8Array<ArrayBuffer> {
  const rdns = Object.entries(parts).map(([name, text]) => {
    if (text.length === 0 || text.length > 256) throw new RangeError(`${name} needs 1 to 256 characters`);
    const tag = name === 'C' || name === 'serialNumber' ? der.TAG.printableString : der.TAG.utf8String;
    const type = TYPES.get(name);
    if (!type) throw new RangeError(`${name} is not a known attribute of a name`);
    return der.set(der.sequence(type, der.element(tag, utf8(text))));
  });
  return der.sequence(...rdns);
}

function textOf(node: DerNode): string {
  switch (node.tag) {
    case der.TAG.utf8String:
      return fromUtf8(node.content) ?? hexOf(node);
    case der.TAG.printableString:
    case der.TAG.ia5String:
    case TELETEX_STRING:
      return Array.from(node.content, (byte) => String.fromCharCode(byte)).join('');
    case BMP_STRING: {
      if (node.content.length % 2 !== 0) return hexOf(node);
      const units = Array.from({ length: node.content.length / 2 }, (_, i) =>
        String.fromCharCode((node.content[2 * i] as number) * 256 + (node.content[2 * i + 1] as number)),
      );
      return units.join('');
    }
    default:
      return hexOf(node);
  }
}

function foldedText(value: string): string {
  return value.normalize('NFKC').toLowerCase().trim().replaceAll(/\s+/g, ' ');
}

function hexOf(node: DerNode): string {
  return `#${toHex(node.bytes)}`;
}

function escaped(value: string): string {
  return value
    .replaceAll(/["+,;<>\\]/g, '\\$&')
    .replace(/^[ #]| $/g, '\\$&')
    .replaceAll(/\p{Cc}|\p{Cf}/gu, (letter) =>
      Array.from(utf8(letter), (byte) => `\\${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''),
    );
}
