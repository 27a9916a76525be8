import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex, toHex, u16be, u32be, concat } from '@sekimori/bytes';
import type { TpmTransport } from '@sekimori/tpm2';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Locality, openMssim } from '../src/index.ts';
import { createSwtpmState, startSwtpm, type Swtpm } from '../src/swtpm.ts';
import { mssimShim } from './mssim-shim.ts';
import { missing } from './programs.ts';
import { tpm2Tool } from './tpm2-tool.ts';

const code = (response: Uint8Array) => toHex(response.subarray(6, 10));
const RANDOM = fromHex('80010000000c0000017b0008')!;

/** TPM2_PCR_Extend of PCR 20, which localities 1 to 3 may. PC Client Platform TPM Profile, 4.6.1. */
const EXTEND_20 = fromHex(`80020000004100000182000000140000000940000009000000000000000001000b${'11'.repeat(32)}`)!;

/** TPM2_CreatePrimary of a storage key of RSA-3072, its own for each `seed`: what takes a TPM longest. */
function createPrimary(seed: number): Uint8Array {
  const area = fromHex(`0001000b00030472000000060080004300100c0000000000`)!;
  const unique = concat(u16be(4), u32be(seed));
  const inPublic = concat(u16be(area.length + unique.length), area, unique);
  const sessions = fromHex('00000009400000090000000000')!;
  const body = concat(u32be(0x40000001), sessions, fromHex('000400000000')!, inPublic, fromHex('000000000000')!);
  return concat(u16be(0x8002), u32be(10 + body.length), u32be(0x131), body);
}
const flush = (made: Uint8Array) => concat(fromHex('80010000000e00000165')!, made.subarray(10, 14));

describe.skipIf(missing('swtpm', 'swtpm_setup', 'tpm2_getrandom'))('a swtpm', () => {
  let folder: string;
  let swtpm: Swtpm;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sekimori-'));
    await createSwtpmState({ stateDir: join(folder, 'tpm') });
    swtpm = await startSwtpm({ stateDir: join(folder, 'tpm') });
  });
  afterAll(async () => {
    await swtpm.stop();
    await rm(folder, { recursive: true });
  });

  const ways: Readonly<Record<string, (locality?: Locality) => Promise<TpmTransport>>> = {
    'with its control channel': async (locality = 0) => {
      const transport = await swtpm.open({ locality });
      onTestFinished(() => transport.close());
      return transport;
    },
    "behind a simulator's ports": async (locality = 0) => {
      const shim = await mssimShim(swtpm);
      onTestFinished(() => shim.close());
      const [commands, platform] = [shim.port, shim.port + 1].map((port) => ({ host: '127.0.0.1', port }));
      const transport = await openMssim({ commands: commands!, platform: platform! }, { locality });
      onTestFinished(() => transport.close());
      return transport;
    },
  };

  it.each(Object.entries(ways))('%s answers a cancelled command, and the commands after it', async (_, open) => {
    const transport = await open();
    for (let seed = 1; seed <= 3; seed++) {
      const controller = new AbortController();
      const making = transport.transmit(createPrimary(seed), { signal: controller.signal });
      const after = transport.transmit(RANDOM);
      await new Promise((resolve) => setImmediate(resolve));
      controller.abort();
      const made = await making;
      // swtpm 0.7.1 hears of it when it is too late; one that listens meanwhile answers TPM_RC_CANCELED.
      expect(['00000000', '00000909']).toContain(code(made));
      expect(code(await after)).toBe('00000000');
      if (code(made) === '00000000') expect(code(await transport.transmit(flush(made)))).toBe('00000000');
    }
    const whole = await transport.transmit(createPrimary(9));
    expect(code(whole)).toBe('00000000');
    expect(code(await transport.transmit(flush(whole)))).toBe('00000000');
  });

  it.each(Object.entries(ways))('%s takes commands of the locality that is asked for', async (_, open) => {
    const transport = await open(1);
    expect(code(await transport.transmit(EXTEND_20))).toBe('00000000');
    await transport.close();
  });

  it('refuses the same at locality 0, also after somebody at another', async () => {
    const first = await swtpm.open({ locality: 3 });
    await first.close();
    const transport = await swtpm.open();
    onTestFinished(() => transport.close());
    expect(code(await transport.transmit(EXTEND_20))).toBe('00000907'); // TPM_RC_LOCALITY
  });

  it("behind a simulator's ports serves tpm2-tools too", async () => {
    const shim = await mssimShim(swtpm);
    onTestFinished(() => shim.close());
    const place = { cwd: '.', tcti: `mssim:host=127.0.0.1,port=${shim.port}` };
    expect((await tpm2Tool(place, 'tpm2_getrandom --hex 16')).toString()).toMatch(/^[0-9a-f]{32}$/);
  });
});
