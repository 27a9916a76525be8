import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tpmContract } from '@sekimori/tpm2/contract';
import { describe } from 'vitest';
import { manufactureSwtpm, startSwtpm } from '../src/swtpm.ts';
import { missing } from './programs.ts';

describe.skipIf(missing('swtpm', 'swtpm_setup'))('swtpm', () => {
  for (const listen of ['unix', 'tcp'] as const)
    tpmContract(`swtpm over ${listen}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
      await manufactureSwtpm({ stateDir: join(folder, 'tpm'), caDir: join(folder, 'ca') });
      const swtpm = await startSwtpm({ stateDir: join(folder, 'tpm'), listen });
      return {
        transport: await swtpm.open(),
        reset: () => swtpm.reset(),
        close: async () => {
          await swtpm.stop();
          await rm(folder, { recursive: true });
        },
      };
    });
});
