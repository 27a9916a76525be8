import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { portableCrypto } from '@sekimori/crypto-core/portable';
import { describe, expect, it, vi } from 'vitest';

// The other tests of this folder once more, with the portable provider wherever they ask for that of Node.
vi.mock('@sekimori/crypto-core/node', async (original) => {
  const { portableCrypto: provider } = await import('@sekimori/crypto-core/portable');
  return { ...(await original<object>()), nodeCrypto: provider };
});
/** Left out: how input is read, which no cryptography is needed for. */
const NOT_HERE = ['portable.test.ts', 'malformed.test.ts'];

describe('with the portable provider', async () => {
  it('is what these tests use', () => {
    expect(nodeCrypto).toBe(portableCrypto);
  });
  for (const file of readdirSync(import.meta.dirname))
    if (file.endsWith('.test.ts') && !NOT_HERE.includes(file)) await import(join(import.meta.dirname, file));
});
