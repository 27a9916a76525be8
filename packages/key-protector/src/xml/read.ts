import { fromUtf8 } from '@sekimori/bytes';
import { type Result, fail, ok } from '@sekimori/result';
import { characterOf, FORBIDDEN } from './characters.ts';
import {
  XML_LIMITS,
  XML_NAMESPACE,
  XMLNS_NAMESPACE,
  type XmlAttribute,
  type XmlElement,
  type XmlFault,
  type XmlNode,
  XmlStop,
} from './element.ts';
import { NamespaceScope } from './scope.ts';

/**
 * A strict subset of XML 1.0 with namespaces, enough for signed documents: UTF-8 (a byte-order mark may lead), an optional
 * XML declaration, elements, attributes, text, the five predefined entities and character references. Refused: DTDs, other
 * entities, comments, CDATA sections, processing instructions, names outside ASCII, relative or non-ASCII namespace names.
 * Total, one pass, bounded by `XML_LIMITS`.
 */
export function parseXml(bytes: Uint8Array): Result<XmlElement, XmlFault> {
  if (bytes.length > XML_LIMITS.bytes)
    return fail('xml-limit', `${bytes.length} bytes; ${XML_LIMITS.bytes} are read at most`);
  const text = fromUtf8(bytes);
  if (text === undefined) return fail('xml-malformed', 'not UTF-8');
  try {
    return ok(new XmlReader(text).document());
  } catch (stop) {
    if (!(stop instanceof XmlStop)) throw stop;
    return fail(stop.code, stop.detail, { at: stop.place });
  }
}

interface OpenElement extends XmlElement {
  readonly qualified: string;
  readonly children: XmlNode[];
}

interface WrittenName {
  readonly prefix: string;
  readonly local: string;
  readonly qualified: string;
}

interface WrittenAttribute extends WrittenName {
  readonly value: string;
}

const DECLARATION =
  /^<\?xml[ \t\n]+version[ \t\n]*=[ \t\n]*(?:"1\.0"|'1\.0')(?:[ \t\n]+encoding[ \t\n]*=[ \t\n]*(?:"[Uu][Tt][Ff]-8"|'[Uu][Tt][Ff]-8'))?(?:[ \t\n]+standalone[ \t\n]*=[ \t\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\n]*\?>/;
const LONGEST_DECLARATION = 256;
const ABSOLUTE = /^[A-Za-z][A-Za-z0-9+.-]*:[!-~]*$/;
const LONGEST_REFERENCE = 10;

const NO_ATTRIBUTES: readonly XmlAttribute[] = [];

const [LESS, GREATER, SLASH, EQUALS, COLON, BANG, QUESTION] = [0x3c, 0x3e, 0x2f, 0x3d, 0x3a, 0x21, 0x3f] as const;
const START = 1;
const INSIDE = 2;
const NAME = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[A-Za-z_]/.test(character)) NAME[code] = START | INSIDE;
  else if (/[0-9.-]/.test(character)) NAME[code] = INSIDE;
}

class XmlReader {
  readonly #text: string;
  #at = 0;
  #elements = 0;

  constructor(text: string) {
    const bare = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
    // XML 1.0 section 2.11: line ends become one character before anything else is read
    this.#text = bare.includes('\r') ? bare.replaceAll(/\r\n?/g, '\n') : bare;
  }

  document(): XmlElement {
    const forbidden = this.#text.search(FORBIDDEN);
    if (forbidden >= 0) this.#stop('a character that XML does not allow', forbidden);
    if (this.#text.includes(']]>')) this.#stop("']]>' is not read", this.#text.indexOf(']]>'));
    if (this.#text.startsWith('<?')) {
      const declaration = DECLARATION.exec(this.#text.slice(0, LONGEST_DECLARATION));
      if (!declaration) this.#stop('neither an XML 1.0 declaration nor for UTF-8');
      this.#at = declaration[0].length;
    }
    this.#space();
    const root = this.#tree();
    this.#space();
    if (this.#at < this.#text.length) this.#stop('something follows the document');
    return root;
  }

  /** Elements are held in a stack of our own, so that depth costs no call. */
  #tree(): XmlElement {
    const text = this.#text;
    if (text.charCodeAt(this.#at) !== LESS) this.#stop('an element must stand here');
    const root = this.#startTag(NamespaceScope.EMPTY);
    if (!root.open) return root.element;
    const stack: OpenElement[] = [root.element];
    let current = root.element;
    for (;;) {
      const less = text.indexOf('<', this.#at);
      if (less < 0) this.#stop(`<${current.qualified}> is not closed`, current.offset);
      if (less > this.#at) current.children.push(this.#characters(this.#at, less));
      this.#at = less;
      if (text.charCodeAt(less + 1) === SLASH) {
        this.#endTag(current.qualified);
        stack.pop();
        const parent = stack.at(-1);
        if (!parent) return root.element;
        current = parent;
        continue;
      }
      const next = this.#startTag(current.scope);
      current.children.push(next.element);
      if (!next.open) continue;
      if (stack.length === XML_LIMITS.depth) this.#stop(`deeper than ${XML_LIMITS.depth}`, less, 'xml-limit');
      stack.push(next.element);
      current = next.element;
    }
  }

  #startTag(outer: NamespaceScope): { readonly element: OpenElement; readonly open: boolean } {
    const text = this.#text;
    const offset = this.#at++;
    if (++this.#elements > XML_LIMITS.elements)
      this.#stop(`more than ${XML_LIMITS.elements} elements`, offset, 'xml-limit');
    const next = text.charCodeAt(this.#at);
    if (next === BANG || next === QUESTION) this.#stop('comments, CDATA, DTDs and processing instructions are refused');
    const name = this.#name();
    const written: WrittenAttribute[] = [];
    for (;;) {
      const before = this.#at;
      this.#space();
      const code = text.charCodeAt(this.#at);
      if (code === GREATER || code === SLASH) break;
      if (this.#at === before) this.#stop('white space must stand before an attribute');
      if (written.length === XML_LIMITS.attributes)
        this.#stop(`more than ${XML_LIMITS.attributes} attributes`, this.#at, 'xml-limit');
      written.push(this.#attribute());
    }
    const open = text.charCodeAt(this.#at) === GREATER;
    if (!open && text.charCodeAt(this.#at + 1) !== GREATER) this.#stop("'/>' must stand here");
    this.#at += open ? 1 : 2;
    const scope = this.#scopeOf(written, outer, offset);
    const namespace = name.prefix === '' ? (scope.get('') ?? '') : this.#namespaceOf(name.prefix, scope, offset);
    const attributes = written.length === 0 ? NO_ATTRIBUTES : this.#resolved(written, scope, offset);
    const { prefix, local, qualified } = name;
    return { element: { prefix, local, namespace, attributes, children: [], scope, offset, qualified }, open };
  }

  #endTag(qualified: string): void {
    const text = this.#text;
    const at = this.#at + 2;
    const end = at + qualified.length;
    let same = 0;
    while (same < qualified.length && text.charCodeAt(at + same) === qualified.charCodeAt(same)) same++;
    this.#at = end;
    if (text.charCodeAt(end) !== GREATER) this.#space();
    if (same < qualified.length || text.charCodeAt(this.#at) !== GREATER)
      this.#stop(`not the end of <${qualified}>`, at);
    this.#at++;
  }

  #attribute(): WrittenAttribute {
    const text = this.#text;
    const name = this.#name();
    this.#space();
    if (text.charCodeAt(this.#at) !== EQUALS) this.#stop("'=' must stand here");
    this.#at++;
    this.#space();
    const quote = text[this.#at];
    if (quote !== '"' && quote !== "'") this.#stop('a quotation mark must stand here');
    const start = this.#at + 1;
    const end = text.indexOf(quote, start);
    if (end < 0) this.#stop('the attribute value does not end');
    const literal = text.slice(start, end);
    if (literal.includes('<')) this.#stop("'<' in an attribute value");
    this.#at = end + 1;
    // section 3.3.3: white space that was written as itself becomes a space, that from references stays
    return { ...name, value: this.#dereferenced(literal.replaceAll(/[\t\n]/g, ' '), start) };
  }

  /** What the declarations among the attributes add. Namespaces in XML 1.0, section 3. */
  #scopeOf(written: readonly WrittenAttribute[], outer: NamespaceScope, offset: number): NamespaceScope {
    let scope = outer;
    for (const attribute of written) {
      const prefix = declaredPrefix(attribute);
      if (prefix === undefined) continue;
      const uri = attribute.value;
      if ((prefix === 'xml') !== (uri === XML_NAMESPACE)) this.#stop("the prefix 'xml' is fixed", offset);
      if (prefix === 'xmlns' || uri === XMLNS_NAMESPACE) this.#stop("'xmlns' is not declared", offset);
      if (uri === '' ? prefix !== '' : !ABSOLUTE.test(uri))
        this.#stop(`'${prefix}' is not bound to an absolute namespace name`, offset);
      if (uri.length > XML_LIMITS.namespaceName) this.#stop('a namespace name that is too long', offset, 'xml-limit');
      if (prefix !== 'xml') scope = scope.with(prefix, uri);
      if (scope.size > XML_LIMITS.namespaces)
        this.#stop(`more than ${XML_LIMITS.namespaces} namespace declarations in force`, offset, 'xml-limit');
    }
    return scope;
  }

  /** The attributes proper. Two of one name are refused, by their written and by their expanded names. */
  #resolved(written: readonly WrittenAttribute[], scope: NamespaceScope, offset: number): readonly XmlAttribute[] {
    const attributes: XmlAttribute[] = [];
    for (const [index, attribute] of written.entries()) {
      for (let before = 0; before < index; before++)
        if (written[before]?.qualified === attribute.qualified)
          this.#stop(`'${attribute.qualified}' stands twice`, offset);
      if (declaredPrefix(attribute) !== undefined) continue;
      const { prefix, local, value } = attribute;
      const namespace = prefix === '' ? '' : this.#namespaceOf(prefix, scope, offset);
      if (attributes.some((other) => other.local === local && other.namespace === namespace))
        this.#stop(`'${local}' stands twice in one namespace`, offset);
      attributes.push({ prefix, local, namespace, value });
    }
    return attributes;
  }

  #namespaceOf(prefix: string, scope: NamespaceScope, offset: number): string {
    const uri = prefix === 'xml' ? XML_NAMESPACE : scope.get(prefix);
    if (uri === undefined) this.#stop(`the prefix '${prefix}' is not bound`, offset);
    return uri;
  }

  #characters(start: number, end: number): string {
    return this.#dereferenced(this.#text.slice(start, end), start);
  }

  /** Section 4.1: character references and the predefined entities; nothing expands into markup or more references. */
  #dereferenced(literal: string, offset: number): string {
    let ampersand = literal.indexOf('&');
    if (ampersand < 0) return literal;
    let out = '';
    let done = 0;
    while (ampersand >= 0) {
      const name = literal.slice(ampersand + 1, ampersand + 1 + LONGEST_REFERENCE).split(';', 1)[0] ?? '';
      const end = ampersand + 1 + name.length;
      const character = literal[end] === ';' ? characterOf(name) : undefined;
      if (character === undefined) this.#stop('a reference that is not read', offset + ampersand);
      out += literal.slice(done, ampersand) + character;
      done = end + 1;
      ampersand = literal.indexOf('&', done);
    }
    return out + literal.slice(done);
  }

  #name(): WrittenName {
    const first = this.#part();
    if (this.#text.charCodeAt(this.#at) !== COLON) return { prefix: '', local: first, qualified: first };
    this.#at++;
    const local = this.#part();
    return { prefix: first, local, qualified: `${first}:${local}` };
  }

  #part(): string {
    const text = this.#text;
    const start = this.#at;
    if (!((NAME[text.charCodeAt(start)] ?? 0) & START)) this.#stop('a name must stand here');
    let at = start + 1;
    while (NAME[text.charCodeAt(at)]) at++;
    this.#at = at;
    return text.slice(start, at);
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x09 && code !== 0x0a) return;
      this.#at++;
    }
  }

  #stop(detail: string, at = this.#at, code: XmlFault['code'] = 'xml-malformed'): never {
    throw new XmlStop(detail, `@${at}`, code);
  }
}

/** The prefix that an attribute declares: '' for `xmlns`; undefined when it declares none. */
function declaredPrefix(name: WrittenName): string | undefined {
  if (name.prefix === 'xmlns') return name.local;
  return name.qualified === 'xmlns' ? '' : undefined;
}
