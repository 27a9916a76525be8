import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadHostConfig } from '../src/index.ts';
import { aFolder } from './support/folders.ts';

it('the configurations in the README are such', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const file = join(await aFolder(), 'host.json');
  const blocks = [...readme.matchAll(/^```json\n(.*?)^```$/gms)].map(([, block = '']) => block);
  const loaded: unknown[] = [];
  for (const block of blocks) {
    writeFileSync(file, block);
    loaded.push(await loadHostConfig({ file, env: {} }));
  }
  expect(loaded).toMatchObject([
    { ok: true, value: { name: 'node7' } },
    { ok: true, value: { attestation: [{ name: 'fabric' }, { name: 'site-b' }] } },
  ]);
});
