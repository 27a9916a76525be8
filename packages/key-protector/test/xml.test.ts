import { fromUtf8, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { canonicalize, parseXml, type XmlElement } from '../src/index.ts';

const parse = (text: string) => parseXml(utf8(text));
const canonical = (text: string) => fromUtf8(canonicalize(expectOk(parse(text))));

describe('parseXml', () => {
  it('reads elements, attributes, text and namespaces', () => {
    const root = expectOk(
      parse(
        '<?xml version="1.0" encoding="UTF-8"?>\n<a xmlns="urn:a" xmlns:p=\'urn:p\' x="1">t<p:b p:y="2" y="3"/>u</a>\n',
      ),
    );
    expect(root).toMatchObject({ local: 'a', namespace: 'urn:a', prefix: '' });
    expect(root.attributes).toEqual([{ prefix: '', local: 'x', namespace: '', value: '1' }]);
    const [before, b, after] = root.children;
    expect([before, after]).toEqual(['t', 'u']);
    expect(b).toMatchObject({ local: 'b', namespace: 'urn:p', prefix: 'p' });
    expect((b as XmlElement).attributes.map((attribute) => attribute.namespace)).toEqual(['urn:p', '']);
  });

  it('accepts a byte-order mark and a document without a declaration', () => {
    expect(parseXml(utf8('\ufeff<a/>')).ok).toBe(true);
    expect(parseXml(utf8(' <a/> ')).ok).toBe(true);
  });

  it('normalizes line ends and attribute white space, but not what references gave', () => {
    const root = expectOk(parse('<a v="1\r\n2\t3&#10;4&#x9;&#13;">x\r\ny\rz&#xD;</a>'));
    expect(root.attributes[0]?.value).toBe('1 2 3\n4\t\r');
    expect(root.children).toEqual(['x\ny\nz\r']);
  });

  it('reads the predefined entities and character references once, never twice', () => {
    expect(expectOk(parse('<a>&amp;lt;&lt;&gt;&apos;&quot;&#65;&#x1F600;</a>')).children).toEqual([
      '&lt;<>\'"A\u{1f600}',
    ]);
  });

  it.each([
    ['nothing', ''],
    ['text alone', 'a'],
    ['a DTD', '<!DOCTYPE a><a/>'],
    ['a DTD with an entity', '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'],
    ['an unknown entity', '<a>&e;</a>'],
    ['an entity of Object.prototype', '<a>&toString;</a>'],
    ['a bare ampersand', '<a>a & b</a>'],
    ['an open reference', '<a>&amp</a>'],
    ['a reference to NUL', '<a>&#0;</a>'],
    ['a reference to a surrogate', '<a>&#xD800;</a>'],
    ['a reference past Unicode', '<a>&#x110000;</a>'],
    ['an empty reference', '<a>&#;</a>'],
    ['a comment', '<a><!-- c --></a>'],
    ['a comment before the root', '<!-- c --><a/>'],
    ['a comment after the root', '<a/><!-- c -->'],
    ['a CDATA section', '<a><![CDATA[x]]></a>'],
    ['a processing instruction', '<a><?p x?></a>'],
    ['a processing instruction after the root', '<a/><?p x?>'],
    ['XML 1.1', '<?xml version="1.1"?><a/>'],
    ['a declaration in capitals', '<?XML VERSION="1.0"?><a/>'],
    ['another encoding', '<?xml version="1.0" encoding="iso-8859-1"?><a/>'],
    ['a declaration after space', ' <?xml version="1.0"?><a/>'],
    ["']]>' in text", '<a>]]></a>'],
    ['a control character', '<a>\u0001</a>'],
    ['a noncharacter', '<a>\ufffe</a>'],
    ["'<' in an attribute", '<a x="<"/>'],
    ['an attribute without quotes', '<a x=1/>'],
    ['an attribute without value', '<a x/>'],
    ['attributes without space between', '<a x="1"y="2"/>'],
    ['an attribute twice', '<a x="1" x="1"/>'],
    ['an attribute twice by namespace', '<a xmlns:p="urn:a" xmlns:q="urn:a" p:x="1" q:x="2"/>'],
    ['a declaration twice', '<a xmlns:p="urn:a" xmlns:p="urn:a"/>'],
    ['an unbound prefix', '<p:a/>'],
    ['an unbound attribute prefix', '<a p:x="1"/>'],
    ['an undeclared prefix', '<a xmlns:p="urn:a"><b xmlns:p=""><p:c/></b></a>'],
    ['xmlns as a prefix of elements', '<xmlns:a/>'],
    ['xmlns declared', '<a xmlns:xmlns="http://www.w3.org/2000/xmlns/"/>'],
    ['xml bound elsewhere', '<a xmlns:xml="urn:a"/>'],
    ['another prefix for the xml namespace', '<a xmlns:p="http://www.w3.org/XML/1998/namespace"/>'],
    ['a relative namespace name', '<a xmlns="a"/>'],
    ['a namespace name outside ASCII', '<a xmlns="urn:é"/>'],
    ['a name outside ASCII', '<é/>'],
    ['two colons', '<a:b:c xmlns:a="urn:a"/>'],
    ['an empty local name', '<a: xmlns:a="urn:a"/>'],
    ['a name that starts with a digit', '<1a/>'],
    ['space before a name', '< a/>'],
    ['mismatched tags', '<a><b></a></b>'],
    ['the end of a longer name', '<a></ab>'],
    ['an end tag with another prefix', '<p:a xmlns:p="urn:a" xmlns:q="urn:a"></q:a>'],
    ['a missing end', '<a><b/>'],
    ['an end tag alone', '</a>'],
    ['two roots', '<a/><b/>'],
    ['text after the root', '<a/>x'],
    ['an attribute on an end tag', '<a></a x="1">'],
    ['a slash alone', '<a/ >'],
  ])('refuses %s', (_, text) => expect(parse(text)).toMatchObject({ ok: false, fault: { code: 'xml-malformed' } }));

  it('refuses bytes that are not UTF-8', () => {
    for (const bad of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]])
      expect(parseXml(Uint8Array.of(...utf8('<a>'), ...bad, ...utf8('</a>')))).toMatchObject({
        fault: { code: 'xml-malformed' },
      });
    const utf16 = new Uint8Array(new Uint16Array([0xfeff, 0x3c, 0x61, 0x2f, 0x3e]).buffer);
    expect(parseXml(utf16).ok).toBe(false);
  });

  it('stops at its limits', () => {
    const limit = { ok: false, fault: { code: 'xml-limit' } };
    expect(parse(`${'<a>'.repeat(32)}${'</a>'.repeat(32)}`).ok).toBe(true);
    expect(parse(`${'<a>'.repeat(33)}${'</a>'.repeat(33)}`)).toMatchObject(limit);
    expect(parse('<a>'.repeat(300_000))).toMatchObject(limit);
    expect(parse(`<a>${'<b/>'.repeat(16_384)}</a>`)).toMatchObject(limit);
    expect(parse(`<a ${Array.from({ length: 33 }, (_, i) => `x${i}="1"`).join(' ')}/>`)).toMatchObject(limit);
    expect(parse(`<a>${'x'.repeat(1 << 20)}</a>`)).toMatchObject(limit);
  });

  it('gives a value or a fault for every truncation and every changed byte', () => {
    const bytes = utf8(
      '<?xml version="1.0"?><a xmlns="urn:a" xmlns:p="urn:p" x="&lt;1"><p:b p:y="2">t&#65;</p:b><c/></a>',
    );
    for (let length = 0; length < bytes.length; length++) expect(parseXml(bytes.subarray(0, length)).ok).toBe(false);
    for (let at = 0; at < bytes.length; at++)
      for (const byte of [0, 0x20, 0x26, 0x3c, 0x3e, 0x22, 0xff, bytes[at]! ^ 1]) {
        const outcome = parseXml(bytes.with(at, byte));
        if (outcome.ok) canonicalize(outcome.value);
        else expect(outcome.fault.code).toBe('xml-malformed');
      }
  });
});

describe('canonicalize', () => {
  it.each([
    ['empty elements get end tags', '<a/>', '<a></a>'],
    [
      'attributes are sorted by namespace and name',
      '<a xmlns:z="urn:a" xmlns:b="urn:z" b:a="1" z:b="2" z:a="3" c="4" a="5"/>',
      '<a xmlns:b="urn:z" xmlns:z="urn:a" a="5" c="4" z:a="3" z:b="2" b:a="1"></a>',
    ],
    ['unused declarations go', '<a xmlns="urn:a" xmlns:p="urn:p"><b/></a>', '<a xmlns="urn:a"><b></b></a>'],
    [
      'a declaration moves to its first use',
      '<a xmlns:p="urn:p"><p:b/><c p:x="1"/></a>',
      '<a><p:b xmlns:p="urn:p"></p:b><c xmlns:p="urn:p" p:x="1"></c></a>',
    ],
    [
      'the default namespace is undeclared again',
      '<a xmlns="urn:a"><b xmlns=""><c xmlns="urn:a"/></b></a>',
      '<a xmlns="urn:a"><b xmlns=""><c xmlns="urn:a"></c></b></a>',
    ],
    [
      'nothing is undeclared that was not written',
      '<p:a xmlns="urn:a" xmlns:p="urn:p"><b xmlns=""/></p:a>',
      '<p:a xmlns:p="urn:p"><b></b></p:a>',
    ],
    [
      'a redeclared prefix is written again',
      '<p:a xmlns:p="urn:1"><p:b xmlns:p="urn:2"/><p:c/></p:a>',
      '<p:a xmlns:p="urn:1"><p:b xmlns:p="urn:2"></p:b><p:c></p:c></p:a>',
    ],
    [
      'special characters are escaped',
      '<a x="&amp;&lt;>&quot;&apos;&#9;&#10;&#13;">&amp;&lt;&gt;>"&apos;&#9;&#13;</a>',
      '<a x="&amp;&lt;>&quot;\'&#x9;&#xA;&#xD;">&amp;&lt;&gt;&gt;"\'\t&#xD;</a>',
    ],
    ['white space stays', '<a >\r\n <b  x = "1" />\t</a >', '<a>\n <b x="1"></b>\t</a>'],
    ['xml: attributes stay where they are', '<a xml:lang="en"><b/></a>', '<a xml:lang="en"><b></b></a>'],
  ])('%s', (_, text, expected) => {
    expect(canonical(text)).toBe(expected);
    expect(canonical(expected)).toBe(expected);
  });

  it('writes an inner element with the namespaces that it uses', () => {
    const root = expectOk(parse('<a xmlns="urn:a" xmlns:p="urn:p" xmlns:q="urn:q"><b p:x="1"><c/></b></a>'));
    const inner = root.children[0] as XmlElement;
    expect(fromUtf8(canonicalize(inner))).toBe('<b xmlns="urn:a" xmlns:p="urn:p" p:x="1"><c></c></b>');
    expect(fromUtf8(canonicalize(inner, { inclusivePrefixes: ['q', 'none'] }))).toBe(
      '<b xmlns="urn:a" xmlns:p="urn:p" xmlns:q="urn:q" p:x="1"><c></c></b>',
    );
    expect(fromUtf8(canonicalize(root, { without: inner }))).toBe('<a xmlns="urn:a"></a>');
  });
});
