import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { DatabaseSync } from 'node:sqlite';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type AuditEntry, verifyEntries } from '@sekimori/audit-log';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { expect } from 'vitest';
import { openKeyProtectionStore } from '../src/index.ts';

export function startWriter(file: string, limit = 'Infinity'): ChildProcessByStdio<null, Readable, null> {
  const script = new URL('writer.ts', import.meta.url).pathname;
  return spawn(process.execPath, ['--conditions=@sekimori/source', script, file, limit], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

/** Kills the writer after `acknowledgements`; gives every id that it acknowledged before it died. */
export async function killAfter(file: string, acknowledgements: number): Promise<string[]> {
  const writer = startWriter(file);
  const ended = once(writer, 'exit');
  const seen: string[] = [];
  for await (const line of createInterface({ input: writer.stdout })) {
    if (line.length === 36) seen.push(line); // the last line may be torn
    if (seen.length === acknowledgements) writer.kill('SIGKILL');
  }
  expect(await ended).toEqual([null, 'SIGKILL']);
  return seen;
}

/** Every acknowledged release is there, each with its audit entry, in one sound chain and a sound file. */
export async function expectNothingLost(file: string, acknowledged: readonly string[]): Promise<void> {
  const store = expectOk(await openKeyProtectionStore({ file, crypto: nodeCrypto }));
  const releases: string[] = [];
  const entries: AuditEntry[] = [];
  for (let after = 0; ; ) {
    const page = await store.releases({ after, limit: 1000 });
    releases.push(...page.map(({ id }) => id));
    entries.push(...(await store.auditEntries({ after: entries.length, limit: 1000 })));
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.sequence;
  }
  const there = new Set(releases);
  expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
  expect(entries.map(({ subject }) => subject)).toEqual(releases);
  expect(expectOk(verifyEntries(nodeCrypto, entries))).toEqual(await store.auditHead());
  await store.close();
  const raw = new DatabaseSync(file);
  expect(raw.prepare('pragma integrity_check').get()).toMatchObject({ integrity_check: 'ok' });
  raw.close();
}
