import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expectOk } from '@sekimori/result';
import { shutdown, startup, Tpm } from '@sekimori/tpm2';
import { tpmContract } from '@sekimori/tpm2/contract';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { describe } from 'vitest';
import { openMssim, signalMssim } from '../src/index.ts';
import { manufactureSwtpm, startSwtpm, type Swtpm } from '../src/swtpm.ts';
import { mssimShim } from './mssim-shim.ts';
import { missing } from './programs.ts';

async function aSwtpm(
  listen: 'unix' | 'tcp',
): Promise<{ readonly swtpm: Swtpm; readonly remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
  await manufactureSwtpm({ stateDir: join(folder, 'tpm'), caDir: join(folder, 'ca') });
  return {
    swtpm: await startSwtpm({ stateDir: join(folder, 'tpm'), listen, listenForControl: listen }),
    remove: () => rm(folder, { recursive: true }),
  };
}

describe.skipIf(missing('swtpm', 'swtpm_setup'))('swtpm', () => {
  for (const listen of ['unix', 'tcp'] as const)
    tpmContract(`swtpm over ${listen}`, async () => {
      const { swtpm, remove } = await aSwtpm(listen);
      return {
        transport: await swtpm.open(),
        reset: () => swtpm.reset(),
        close: async () => {
          await swtpm.stop();
          await remove();
        },
      };
    });

  tpmContract("swtpm behind a simulator's ports", async () => {
    const { swtpm, remove } = await aSwtpm('unix');
    const shim = await mssimShim(swtpm);
    const [commands, platform] = [shim.port, shim.port + 1].map((port) => ({ host: '127.0.0.1', port }));
    const transport = await openMssim({ commands: commands!, platform: platform! });
    const tpm = new Tpm(transport, nodeCrypto);
    return {
      transport,
      reset: async () => {
        expectOk(await shutdown(tpm));
        for (const signal of ['powerOff', 'powerOn', 'nvOn'] as const) await signalMssim(platform!, signal);
        expectOk(await startup(tpm));
      },
      close: async () => {
        await transport.close();
        await shim.close();
        await swtpm.stop();
        await remove();
      },
    };
  });
});
