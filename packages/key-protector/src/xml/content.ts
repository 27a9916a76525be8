import { fromBase64 } from '@sekimori/bytes';
import { type XmlElement, XmlStop } from './element.ts';

/**
 * Reads an element by its schema: attributes and child elements by name, in order; whatever the schema does not name ends
 * the reading with an `XmlStop`. White space may stand between elements.
 */
export class XmlContent {
  readonly element: XmlElement;
  readonly #elements: readonly XmlElement[];
  #next = 0;

  /** `attributes`: the names, in no namespace, that may stand here. */
  constructor(element: XmlElement, attributes: readonly string[] = []) {
    this.element = element;
    checkAttributes(element, attributes);
    this.#elements = element.children.filter((child) => {
      if (typeof child !== 'string') return true;
      if (!/^[ \t\r\n]*$/.test(child)) stopAt(element, 'text between elements');
      return false;
    }) as XmlElement[];
  }

  attribute(name: string): string {
    return this.optionalAttribute(name) ?? stopAt(this.element, `the attribute ${name} is missing`);
  }

  optionalAttribute(name: string): string | undefined {
    return this.element.attributes.find((attribute) => attribute.local === name)?.value;
  }

  /** The next child, which must have this name, in the parent's namespace unless told otherwise. */
  child(local: string, namespace = this.element.namespace): XmlElement {
    return this.optionalChild(local, namespace) ?? stopAt(this.element, `<${local}> must come next`);
  }

  optionalChild(local: string, namespace = this.element.namespace): XmlElement | undefined {
    const next = this.#elements[this.#next];
    if (next?.local !== local || next.namespace !== namespace) return undefined;
    this.#next++;
    return next;
  }

  /** All following children of this name, at least one, at most `max`. */
  children(local: string, max: number): readonly XmlElement[] {
    const found = [this.child(local)];
    for (let next = this.optionalChild(local); next; next = this.optionalChild(local)) {
      if (found.length === max) stopAt(next, `more than ${max}`, 'xml-limit');
      found.push(next);
    }
    return found;
  }

  end(): void {
    const left = this.#elements[this.#next];
    if (left) stopAt(left, `<${left.local}> must not stand here`);
  }
}

/** The text of an element that has neither attributes nor elements. */
export function textOf(element: XmlElement): string {
  checkAttributes(element, []);
  const [text = '', ...others] = element.children;
  if (typeof text !== 'string' || others.length > 0) return stopAt(element, 'elements inside text');
  return text;
}

/** xs:base64Binary: white space may break it; at least one byte, at most `max`. */
export function base64Of(element: XmlElement, max: number): Uint8Array<ArrayBuffer> {
  const text = textOf(element);
  const bytes = fromBase64(/[ \t\r\n]/.test(text) ? text.replaceAll(/[ \t\r\n]/g, '') : text);
  if (!bytes || bytes.length === 0) return stopAt(element, 'not base64');
  if (bytes.length > max) return stopAt(element, `${bytes.length} bytes, at most ${max}`, 'xml-limit');
  return bytes;
}

/** xs:unsignedInt in its canonical form, so that one number has one text. */
export function unsignedIntOf(text: string, element: XmlElement): number {
  const value = /^(?:0|[1-9][0-9]{0,9})$/.test(text) ? Number(text) : Number.NaN;
  return value <= 0xffffffff ? value : stopAt(element, 'not an unsigned 32-bit number');
}

export function stopAt(element: XmlElement, detail: string, code?: XmlStop['code']): never {
  throw new XmlStop(detail, `${element.local}@${element.offset}`, code);
}

function checkAttributes(element: XmlElement, allowed: readonly string[]): void {
  for (const { namespace, local } of element.attributes)
    if (namespace !== '' || !allowed.includes(local)) stopAt(element, `the attribute ${local} must not stand here`);
}
