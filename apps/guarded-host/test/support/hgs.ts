import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initDataFolder, type RunningServices, startServe } from '@sekimori/cli';
import { type Client, createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import { expectOk } from '@sekimori/result';
import { type Clock, createLogger, readPrivateFile, systemClock } from '@sekimori/service-kit';
import { afterAll } from 'vitest';
import { type Administration, administration } from './administration.ts';

/** Both services as `sekimori serve` runs them, with an administrator's client. */
export interface Hgs extends Administration {
  readonly services: RunningServices;
  /** PEM, and where it lies. */
  readonly ca: string;
  readonly caFile: string;
  readonly administrator: Client;
  close(): Promise<void>;
}

/** Closed when the tests of the file have run. */
export async function startHgs(clock: Clock = systemClock, env: Variables = {}): Promise<Hgs> {
  const hgs = await openHgs(clock, env);
  afterAll(() => hgs.close());
  return hgs;
}

type Variables = Readonly<Record<string, string>>;

/** `env`: settings of the services that are other than a new folder has them. */
export async function openHgs(clock: Clock = systemClock, env: Variables = {}): Promise<Hgs> {
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-hgs-'));
  const data = join(folder, 'data');
  const ports = { attestation: 8443, keyProtection: 8444 };
  expectOk(await initDataFolder({ data, at: clock.now(), guardianName: 'fabric', ports }));
  const logger = createLogger({ service: 'test', level: 'silent' });
  const services = expectOk(
    await startServe({ data, logger, clock, ports: { attestation: 0, keyProtection: 0 }, env }),
  );
  const ca = await readFile(services.caFile, 'utf8');
  const token = expectOk(await readPrivateFile(join(data, 'admin', 'token')));
  const transport = nodeTransport({ ca });
  const administrator = createClient({ baseUrl: services.attestationUrl, transport, token });
  return {
    services,
    ca,
    caFile: services.caFile,
    administrator,
    ...administration(administrator),
    async close() {
      transport.close();
      await services.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
