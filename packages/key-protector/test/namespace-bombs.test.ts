import { utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { canonicalize, parseProtector, parseXml, type XmlElement } from '../src/index.ts';
import { longName, manyInScope, otherEachTime, sameAgain } from './namespace-bombs.ts';

/** The scopes that a document made, and the longest chain that a look-up could follow. */
function scopesOf(root: XmlElement): { readonly made: number; readonly longest: number } {
  const scopes = new Set<XmlElement['scope']>();
  const visit = (element: XmlElement): void => {
    scopes.add(element.scope);
    for (const child of element.children) if (typeof child !== 'string') visit(child);
  };
  visit(root);
  return { made: scopes.size, longest: Math.max(...[...scopes].map(({ size }) => size)) };
}

describe('an XML namespace bomb', () => {
  it('is refused at the seventeenth declaration in force', () => {
    expect(parseXml(manyInScope)).toMatchObject({ ok: false, fault: { code: 'xml-limit', at: '@0' } });
    expect(parseProtector(manyInScope)).toMatchObject({ fault: { code: 'protector-malformed' } });
    const nested = Array.from({ length: 17 }, (_, i) => `<a xmlns="u:${i}">`);
    expect(parseXml(utf8(nested.slice(0, 16).join('') + '</a>'.repeat(16))).ok).toBe(true);
    expect(parseXml(utf8(nested.join('') + '</a>'.repeat(17)))).toMatchObject({ fault: { code: 'xml-limit' } });
  });
  it('costs nothing where it says again what holds', () => {
    expect(scopesOf(expectOk(parseXml(sameAgain)))).toEqual({ made: 1, longest: 16 });
    expect(scopesOf(expectOk(parseXml(utf8('<a xmlns=""><b xmlns=""/></a>'))))).toEqual({ made: 1, longest: 0 });
  });
  it('costs each element one link of a short chain', () => {
    expect(scopesOf(expectOk(parseXml(otherEachTime)))).toEqual({ made: 10_001, longest: 16 });
  });
  it('cannot make a canonical form much longer than the document', () => {
    expect(parseXml(longName)).toMatchObject({ ok: false, fault: { code: 'xml-limit' } });
    const longest = utf8(`<a xmlns:p="u:${'x'.repeat(254)}">${'<p:a/>'.repeat(16_000)}</a>`);
    expect(canonicalize(expectOk(parseXml(longest))).length).toBeLessThan(6 << 20);
  });
});
