import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64, toBase64Url, toHex } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';

/** Every way in which these bytes could have been written down: as they are, and as text. */
export function formsOf(secret: Secret): readonly Buffer[] {
  return secret.use((bytes) => [
    Buffer.from(bytes),
    ...[toHex(bytes), toHex(bytes).toUpperCase(), toBase64(bytes), toBase64Url(bytes)].map((text) => Buffer.from(text)),
  ]);
}

/** Files below `folder` that hold any of the forms. Sockets, FIFOs and what vanishes meanwhile are passed over. */
export async function filesWith(folder: string, forms: readonly Buffer[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const content = await readFile(path).catch(() => Buffer.alloc(0));
    if (forms.some((form) => content.includes(form))) found.push(path);
  }
  return found;
}

/** Command lines and environments of every process that hold any of the forms. */
export async function processesWith(forms: readonly Buffer[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
    for (const part of ['cmdline', 'environ']) {
      const content = await readFile(`/proc/${pid}/${part}`).catch(() => Buffer.alloc(0));
      if (forms.some((form) => content.includes(form))) found.push(`${pid} ${part}`);
    }
  return found;
}
