import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadHostConfig } from '../src/index.ts';
import { aFolder } from './support/folders.ts';

it('the configuration in the README is one', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const file = join(await aFolder(), 'host.json');
  writeFileSync(file, /^```json\n(.*?)^```$/ms.exec(readme)?.[1] ?? '');
  expect(await loadHostConfig({ file, env: {} })).toMatchObject({ ok: true, value: { name: 'node7' } });
});
