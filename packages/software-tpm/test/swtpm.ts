import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TpmTransport } from '@sekimori/tpm2';
import { manufactureSwtpm, startSwtpm, swtpmAvailable } from '@sekimori/tpm2-device/swtpm';

/** Skips with one line where swtpm is missing, but never in CI. */
export function swtpmMissing(): boolean {
  if (swtpmAvailable()) return false;
  if (process.env['CI']) throw new Error('swtpm must be installed in CI');
  console.warn('skipped: swtpm not installed');
  return true;
}

export async function swtpm(): Promise<{ readonly transport: TpmTransport; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
  await manufactureSwtpm({ stateDir: join(folder, 'tpm'), caDir: join(folder, 'ca') });
  const started = await startSwtpm({ stateDir: join(folder, 'tpm'), listen: 'unix' });
  return {
    transport: await started.open(),
    close: async () => {
      await started.stop();
      await rm(folder, { recursive: true });
    },
  };
}
