import { fileURLToPath } from 'node:url';
import { fromUtf8, toBase64, utf8 } from '@sekimori/bytes';
import { writePem } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { DOMParser } from '@xmldom/xmldom';
import { describe, expect, it } from 'vitest';
import { ExclusiveCanonicalization, SignedXml } from 'xml-crypto';
import {
  canonicalize,
  EXCLUSIVE_C14N,
  exportGuardian,
  parseProtector,
  parseXml,
  type XmlElement,
} from '../src/index.ts';
import { communications } from './communications.ts';
import { aProtector, crypto, fabric } from './parties.ts';
import { describeWith, run } from './programs.ts';

/** Documents on which canonicalizers have differed. */
const TRICKY: Readonly<Record<string, string>> = {
  'empty elements': '<a><b/><c></c><d  /></a>',
  'white space': '<a >\n\t<b  x = "1"\n y=\'2\' />\t \n</a >',
  'line ends': '<a x="1\r\n2\r3">\r\n4\r5\n</a>',
  'referenced line ends': '<a x="&#13;&#10;&#9;&#x20;">&#13;&#10;&#9;&#xD;</a>',
  entities: '<a x="&lt;&gt;&amp;&quot;&apos;">&lt;&gt;&amp;&quot;&apos; > \' "</a>',
  'quotes in attributes': `<a x='"' y="'"/>`,
  'characters outside ASCII': '<a x="é&#233;">日本 &#x1F600; \u{1f600} \u00a0</a>',
  'separators that are no line ends in XML 1.0': '<a>\u0085\u2028</a>',
  'attribute order': '<a b="1" a="2" B="3" A="4" _="5" a-b="6" a.b="7" a1="8"/>',
  'attribute order by namespace': '<a xmlns:z="urn:a" xmlns:y="urn:b" y:a="1" z:b="2" c="3" z:a="4" xml:lang="en"/>',
  'order of declarations': '<z:a xmlns:z="urn:z" xmlns:b="urn:b" xmlns="urn:d" b:x="1"><c/></z:a>',
  'unused declarations': '<a xmlns="urn:a" xmlns:b="urn:b" xmlns:c="urn:c"><b:d/></a>',
  'default namespace undeclared': '<a xmlns="urn:a"><b xmlns=""><c/><d xmlns="urn:a"><e xmlns=""/></d></b></a>',
  'undeclared where nothing was written': '<p:a xmlns:p="urn:p" xmlns="urn:a"><b xmlns=""/></p:a>',
  'default namespace used late': '<p:a xmlns:p="urn:p" xmlns="urn:a"><p:b><c/></p:b><c/></p:a>',
  'prefix redeclared': '<p:a xmlns:p="urn:1"><p:b xmlns:p="urn:2"><p:c xmlns:p="urn:1"/></p:b><p:d/></p:a>',
  'prefix redeclared alike': '<p:a xmlns:p="urn:1"><p:b xmlns:p="urn:1"><p:c/></p:b></p:a>',
  'two prefixes of one namespace': '<a:r xmlns:a="urn:1" xmlns:b="urn:1"><b:s a:x="1" b:y="2"/></a:r>',
  'prefix used by an attribute alone': '<r xmlns:p="urn:p"><a p:x="1"><b p:y="2"/></a><c p:z="3"/></r>',
  'xml prefix': '<a xml:space="preserve" xmlns:xml="http://www.w3.org/XML/1998/namespace"> <b xml:lang="de"/></a>',
  siblings: '<r xmlns:p="urn:p"><p:a/><p:a/><a xmlns="urn:x"/><a/></r>',
};

const elementsOf = (element: XmlElement): XmlElement[] => [
  element,
  ...element.children.flatMap((child) => (typeof child === 'string' ? [] : elementsOf(child))),
];

describe('canonical octets against xml-crypto', () => {
  /** Both trees in document order, so that any element can be compared and not only the root. */
  const compare = (text: string) => {
    const ours = elementsOf(expectOk(parseXml(utf8(text))));
    const theirs = [...new DOMParser().parseFromString(text, 'text/xml').getElementsByTagName('*')];
    expect(theirs).toHaveLength(ours.length);
    const canonicalizer = new ExclusiveCanonicalization();
    for (const [index, element] of ours.entries()) {
      const expected = canonicalizer.process(theirs[index] as never, {});
      expect(fromUtf8(canonicalize(element))).toBe(expected);
    }
  };
  // xml-crypto writes a second xmlns="", and xmldom takes the line ends of XML 1.1; xmllint and xmlsec1 do as we do
  const differs = ['default namespace undeclared', 'separators that are no line ends in XML 1.0'];
  it.each(Object.entries(TRICKY).filter(([name]) => !differs.includes(name)))('%s', (_, text) => compare(text));
  it('our documents', async () => {
    compare(fromUtf8((await aProtector()).protector)!);
    compare(fromUtf8(await exportGuardian(crypto, fabric))!);
  });
});

describeWith(['xmllint'], 'canonical octets against xmllint', () => {
  const check = (bytes: Uint8Array) => {
    const { status, stdout } = run('xmllint', { 'a.xml': bytes }, (path) => ['--exc-c14n', path('a.xml')]);
    expect(status).toBe(0);
    expect(fromUtf8(canonicalize(expectOk(parseXml(bytes))))).toBe(fromUtf8(stdout));
  };
  it.each(Object.entries(TRICKY))('%s', (_, text) => check(utf8(text)));
  it('our documents', async () => {
    check((await aProtector()).protector);
    check(await exportGuardian(crypto, fabric));
  });
});

describeWith(['xmllint'], 'the schemas of MS-KPS', () => {
  const schema = (name: string) => fileURLToPath(new URL(`vectors/${name}.xsd`, import.meta.url));
  const validate = (name: string, bytes: Uint8Array) =>
    run('xmllint', { 'a.xml': bytes }, (path) => ['--noout', '--nonet', '--schema', schema(name), path('a.xml')]);
  it('hold for protectors', async () => {
    const { protector } = await aProtector();
    expect(validate('Protector', protector)).toMatchObject({ status: 0 });
    const broken = fromUtf8(protector)!.replace('<Id>1</Id>', '');
    expect(validate('Protector', utf8(broken)).status).not.toBe(0);
  });
  it('hold for guardian metadata', async () => {
    expect(validate('Metadata', await exportGuardian(crypto, fabric))).toMatchObject({ status: 0 });
    const options = { otherSigningCertificates: [fabric.guardian.signingCertificate] };
    expect(validate('Metadata', await exportGuardian(crypto, fabric, options))).toMatchObject({ status: 0 });
  });
});

describeWith(['xmlsec1'], 'xmlsec1', () => {
  const pem = (der: Uint8Array) => writePem('CERTIFICATE', der);

  it('digests the Wrappings as we do', async () => {
    const { protector } = await aProtector();
    const inner = fromUtf8(protector)!.replace(/^<\?xml[^>]*\?>/, '');
    const template =
      `<e:Envelope xmlns:e="urn:e" xmlns:unused="urn:u">${inner}<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>` +
      `<CanonicalizationMethod Algorithm="${EXCLUSIVE_C14N}"/><SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"/>` +
      `<Reference URI=""><Transforms><Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">` +
      `<XPath xmlns:k="http://schemas.microsoft.com/kps/2014/07">ancestor-or-self::k:Wrappings</XPath></Transform>` +
      `<Transform Algorithm="${EXCLUSIVE_C14N}"/></Transforms><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>` +
      `<DigestValue></DigestValue></Reference></SignedInfo><SignatureValue></SignatureValue><KeyInfo/></Signature></e:Envelope>`;
    const { status, stdout, stderr } = run('xmlsec1', { 'a.xml': template, key: 'a key for the template' }, (path) => [
      '--sign',
      '--hmackey',
      path('key'),
      path('a.xml'),
    ]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const digest = /<DigestValue>([^<]*)</.exec(fromUtf8(stdout)!)?.[1];
    expect(digest).toBe(toBase64(crypto.hash('sha256', expectOk(parseProtector(protector)).signedOctets)));
  });

  it('verifies the metadata of a guardian, and sees a change', async () => {
    const metadata = await exportGuardian(crypto, fabric);
    const files = { 'a.xml': metadata, 'trusted.pem': pem(fabric.guardian.signingCertificate.der) };
    const verify = (bytes: Uint8Array) =>
      run('xmlsec1', { ...files, 'a.xml': bytes }, (path) => [
        '--verify',
        '--trusted-pem',
        path('trusted.pem'),
        '--verification-gmt-time',
        '2031-06-01 00:00:00',
        path('a.xml'),
      ]);
    expect(verify(metadata)).toMatchObject({ status: 0 });
    expect(verify(utf8(fromUtf8(metadata)!.replace('<Version>1<', '<Version>2<'))).status).not.toBe(0);
  });
});

describe('xml-crypto', () => {
  it('verifies metadata that an RSA communications key signed with PSS', async () => {
    const { signer } = await communications('rsa');
    const text = fromUtf8(await exportGuardian(crypto, fabric, { communications: signer }))!;
    const check = (document: string) => {
      const signed = new SignedXml({ publicCert: writePem('CERTIFICATE', signer.certificate.der) });
      const node = new DOMParser()
        .parseFromString(document, 'text/xml')
        .getElementsByTagNameNS('http://www.w3.org/2000/09/xmldsig#', 'Signature')[0];
      signed.loadSignature(node as never);
      return signed.checkSignature(document);
    };
    expect(check(text)).toBe(true);
    expect(check(text.replace('<Version>1<', '<Version>2<'))).toBe(false);
  });
});
