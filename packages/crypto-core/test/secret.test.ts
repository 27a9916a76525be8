import { inspect } from 'node:util';
import { utf8 } from '@sekimori/bytes';
import { expect, it } from 'vitest';
import { Secret } from '../src/index.ts';

it('never prints', () => {
  const secret = new Secret(utf8('swordfish'));
  for (const shown of [
    String(secret),
    JSON.stringify({ secret }),
    inspect({ secret }, { depth: 9, showHidden: true }),
  ]) {
    expect(shown).toContain('[secret]');
    expect(shown).not.toContain('swordfish');
    expect(shown).not.toContain('115'); // the byte 's'
  }
});

it('keeps its own copy and wipes it', () => {
  const bytes = utf8('swordfish');
  const secret = new Secret(bytes);
  bytes.fill(0);
  expect(secret.use((b) => b[0])).toBe(115);
  secret.wipe();
  expect(secret.use((b) => b.every((byte) => byte === 0))).toBe(true);
});
