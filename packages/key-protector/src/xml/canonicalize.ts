import { utf8 } from '@sekimori/bytes';
import type { XmlAttribute, XmlElement } from './element.ts';

export const EXCLUSIVE_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#';

export interface CanonicalOptions {
  /** PrefixList of InclusiveNamespaces, '' for #default: these are written wherever they are in scope. */
  readonly inclusivePrefixes?: readonly string[];
  /** An element that is left out with all inside it, as the enveloped-signature transform does. */
  readonly without?: XmlElement;
}

/** Exclusive XML Canonicalization 1.0 without comments, of an element with all inside it, as UTF-8. */
export function canonicalize(element: XmlElement, options: CanonicalOptions = {}): Uint8Array<ArrayBuffer> {
  return utf8(canonicalText(element, NOTHING_RENDERED, options));
}

type Rendered = ReadonlyMap<string, string>;
const NOTHING_RENDERED: Rendered = new Map();

function canonicalText(element: XmlElement, outer: Rendered, options: CanonicalOptions): string {
  const { prefix, local, attributes, children } = element;
  const qualified = prefix === '' ? local : `${prefix}:${local}`;
  const declarations = newDeclarations(element, outer, options.inclusivePrefixes);
  let rendered = outer;
  let out = `<${qualified}`;
  if (declarations.length > 0) {
    rendered = new Map([...outer, ...declarations]);
    for (const [name, uri] of declarations)
      out += ` ${name === '' ? 'xmlns' : `xmlns:${name}`}="${attributeText(uri)}"`;
  }
  for (const attribute of attributes.length > 1 ? attributes.toSorted(byExpandedName) : attributes) {
    const name = attribute.prefix === '' ? attribute.local : `${attribute.prefix}:${attribute.local}`;
    out += ` ${name}="${attributeText(attribute.value)}"`;
  }
  out += '>';
  for (const child of children) {
    if (typeof child === 'string') out += elementText(child);
    else if (child !== options.without) out += canonicalText(child, rendered, options);
  }
  return `${out}</${qualified}>`;
}

/** Prefixes visibly used here, or listed, whose binding no output ancestor has written. Exclusive C14N, section 3. */
function newDeclarations(
  element: XmlElement,
  rendered: Rendered,
  inclusivePrefixes: readonly string[] = [],
): (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  const want = (prefix: string, uri: string) => {
    if (prefix === 'xml' || (rendered.get(prefix) ?? '') === uri) return;
    if (!found.some(([other]) => other === prefix)) found.push([prefix, uri]);
  };
  want(element.prefix, element.namespace);
  for (const attribute of element.attributes) if (attribute.prefix !== '') want(attribute.prefix, attribute.namespace);
  for (const prefix of inclusivePrefixes) {
    const uri = element.scope.get(prefix);
    if (uri !== undefined) want(prefix, uri);
  }
  return found.length > 1 ? found.toSorted(([a], [b]) => compare(a, b)) : found;
}

/** By namespace name, then by local name; both are ASCII, so that code units order as code points do. */
function byExpandedName(a: XmlAttribute, b: XmlAttribute): number {
  return compare(a.namespace, b.namespace) || compare(a.local, b.local);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Canonical XML 1.0, section 2.3, text nodes. */
function elementText(text: string): string {
  return /[&<>\r]/.test(text) ? text.replaceAll(/[&<>\r]/g, (character) => ESCAPES[character] ?? character) : text;
}

/** Canonical XML 1.0, section 2.3, attribute nodes. */
function attributeText(text: string): string {
  return /[&<"\t\n\r]/.test(text)
    ? text.replaceAll(/[&<"\t\n\r]/g, (character) => ESCAPES[character] ?? character)
    : text;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
};
