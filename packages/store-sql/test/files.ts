import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A name in a new folder that goes away with the tests. */
export function aFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sekimori-store-'));
  folders.push(folder);
  return join(folder, 'data', 'store.db');
}
