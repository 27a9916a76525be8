import { readFile } from 'node:fs/promises';
import { type Client, createClient } from '@sekimori/client';
import { type NodeTransport, nodeTransport } from '@sekimori/client/node';
import { initDataFolder, type RunningServices, startServe } from '@sekimori/cli';
import { describeFault, type Result } from '@sekimori/result';
import { createLogger, readPrivateFile, type StartFault, systemClock } from '@sekimori/service-kit';

/** The two services, started as `sekimori serve` starts them, and the administrator's way to them. */
export interface Fabric {
  readonly services: RunningServices;
  /** With the administrator's token. */
  readonly attestation: Client;
  readonly keyProtection: Client;
  /** PEM. */
  readonly ca: string;
  close(): Promise<void>;
}

/** Makes the data folder at the first start and goes on with it later. */
export async function initialise(data: string): Promise<'made' | 'there'> {
  const made = await initDataFolder({
    data,
    at: new Date(),
    guardianName: 'fabric',
    ports: { attestation: 8443, keyProtection: 8444 },
  });
  if (made.ok) return 'made';
  if (made.fault.code === 'already-initialised') return 'there';
  throw new Error(describeFault(made.fault));
}

/** On free ports of the loopback. `env` overrides settings, as it does for `sekimori serve`. */
export async function startFabric(data: string, env: Readonly<Record<string, string>> = {}): Promise<Fabric> {
  const logger = createLogger({ service: 'guarded-fabric', level: process.env['SEKIMORI_LOG_LEVEL'] ?? 'silent' });
  const services = must(
    await startServe({ data, logger, clock: systemClock, ports: { attestation: 0, keyProtection: 0 }, env }),
  );
  const ca = await readFile(services.caFile, 'utf8');
  const token = must(await readPrivateFile(`${data}/admin/token`));
  const transport: NodeTransport = nodeTransport({ ca });
  return {
    services,
    attestation: createClient({ baseUrl: services.attestationUrl, transport, token }),
    keyProtection: createClient({ baseUrl: services.keyProtectionUrl, transport, token }),
    ca,
    close: async () => {
      transport.close();
      await services.close();
    },
  };
}

/** The value, or an error with the fault and the way out: for what the story does not expect to fail. */
export function must<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  const { hint } = result.fault as StartFault;
  throw new Error(`${describeFault(result.fault)}${hint === undefined ? '' : ` (${hint})`}`);
}
