import { describe, expect, it } from 'vitest';
import { bundle } from './bundle.ts';

const VERIFIER = `export * from '../src/index.ts';`;
const PORTABLE = `export * from '@sekimori/crypto-core/portable';`;
const LIMIT = 60 * 1024; // bytes, after gzip
const OF_NODE = /\bnode:|\bBuffer\.|(?<![.\w])process\.|\brequire\(/g;

describe('in a browser', () => {
  it.each([
    ['all that this package exports', VERIFIER],
    ['the portable provider', PORTABLE],
    ['both together', `${VERIFIER} ${PORTABLE}`],
  ])('%s weighs less than 60 kB after gzip, without Node', async (_, source) => {
    const { code, gzip, modules, nodeImports } = await bundle(source);
    expect(gzip).toBeGreaterThan(1024);
    expect(gzip).toBeLessThan(LIMIT);
    expect(nodeImports).toEqual([]);
    expect(code.match(OF_NODE)).toBeNull();
    // of other people's packages @noble alone, and no pkijs
    expect(modules.filter((path) => /node_modules\/(?!\.pnpm\/|@noble\/)/.test(path))).toEqual([]);
  });
  it('the provider of Node would not do, and this test would see it', async () => {
    const { nodeImports, code } = await bundle(`export * from '@sekimori/crypto-core/node';`);
    expect(nodeImports).toContain('node:crypto');
    expect(code.match(OF_NODE)).toContain('node:');
  });
});
