import type { Fault } from '@sekimori/result';
import type { NamespaceScope } from './scope.ts';

/** `xml-malformed`: not a document of the strict subset. `xml-limit`: larger, deeper or with more parts than is read. */
export type XmlFault = Fault<'xml-malformed' | 'xml-limit'>;

export interface XmlName {
  /** Empty where the name has none. */
  readonly prefix: string;
  readonly local: string;
  /** Empty where the name is in no namespace. */
  readonly namespace: string;
}

export interface XmlAttribute extends XmlName {
  readonly value: string;
}

/** An element with all that exclusive canonicalization needs. Namespace declarations are not among the attributes. */
export interface XmlElement extends XmlName {
  readonly attributes: readonly XmlAttribute[];
  /** Elements and text in document order; two texts never follow each other. */
  readonly children: readonly XmlNode[];
  readonly scope: NamespaceScope;
  /** Of its '<' in the text, after line ends were normalized. */
  readonly offset: number;
}

export type XmlNode = XmlElement | string;

/**
 * What is read at most. A protector for 64 guardians stays far below. `namespaces`: declarations in force at one place;
 * `namespaceName`: characters of one, since a canonical form repeats it wherever it is used.
 */
export const XML_LIMITS = {
  bytes: 1 << 20,
  depth: 32,
  elements: 16_384,
  attributes: 32,
  namespaces: 16,
  namespaceName: 256,
} as const;

export const XML_NAMESPACE = 'http://www.w3.org/XML/1998/namespace';
export const XMLNS_NAMESPACE = 'http://www.w3.org/2000/xmlns/';

/** Ends a reading; never leaves this package. */
export class XmlStop {
  readonly code: XmlFault['code'];
  readonly detail: string;
  readonly place: string;
  constructor(detail: string, place: string, code: XmlFault['code'] = 'xml-malformed') {
    this.code = code;
    this.detail = detail;
    this.place = place;
  }
}
