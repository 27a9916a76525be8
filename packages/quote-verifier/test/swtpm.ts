import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectOk } from '@sekimori/result';
import { extendPcr, Tpm } from '@sekimori/tpm2';
import { manufactureSwtpm, startSwtpm, swtpmAvailable } from '@sekimori/tpm2-device/swtpm';
import { crypto } from './forger.ts';

/** Skips with one line where swtpm is missing, but never in CI. */
export function swtpmMissing(): boolean {
  if (swtpmAvailable()) return false;
  if (process.env['CI']) throw new Error('swtpm must be installed in CI');
  console.warn('skipped: swtpm is not installed');
  return true;
}

export interface Bench {
  readonly tpm: Tpm;
  reset(): Promise<void>;
  /** What firmware does: something in each of PCR 0 to 7. */
  boot(): Promise<void>;
  close(): Promise<void>;
}

export async function bench(): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
  await manufactureSwtpm({ stateDir: join(folder, 'tpm'), caDir: join(folder, 'ca') });
  const swtpm = await startSwtpm({ stateDir: join(folder, 'tpm') });
  const tpm = new Tpm(await swtpm.open(), crypto);
  return {
    tpm,
    reset: () => swtpm.reset(),
    boot: async () => {
      for (let index = 0; index < 8; index++) {
        const digest = crypto.hash('sha256', Uint8Array.of(index));
        expectOk(await extendPcr(tpm, index, 'sha256', digest));
      }
    },
    close: async () => {
      await swtpm.stop();
      await rm(folder, { recursive: true });
    },
  };
}
