import { createRequire } from 'node:module';
import { readFile, rm } from 'node:fs/promises';
import { AttestationConfig, startAttestationService } from '@sekimori/attestation-service';
import { createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import { KeyProtectionConfig, startKeyProtectionService, UNSAFE_SETTINGS } from '@sekimori/key-protection-service';
import { healthRoutes } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import { type Clock, loadConfig, type Logger, type StartFault, writePrivateFile } from '@sekimori/service-kit';
import { readClientFile, readRunFile, type RunFile } from '../data/client-file.ts';
import { dataPaths } from '../data/data-folder.ts';
import { ownPid } from '../own-process.ts';

export interface ServeOptions {
  readonly data: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** In place of those in the configurations; 0 takes a free one. */
  readonly ports?: { readonly attestation?: number; readonly keyProtection?: number };
  /** SEKIMORI_ATTESTATION_… and SEKIMORI_KPS_… override the configurations. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface RunningServices {
  readonly attestationUrl: string;
  readonly keyProtectionUrl: string;
  /** PEM. */
  readonly caFile: string;
  readonly close: () => Promise<void>;
}

/**
 * Both services of a data folder in this process; the revocation statement is handed over without a network. Faults:
 * `not-initialised`, `already-running`, and those of the configurations and of the services.
 */
export async function startServe(options: ServeOptions): Promise<Result<RunningServices, StartFault>> {
  const { data, logger, clock, ports = {}, env = {} } = options;
  const client = await readClientFile(data);
  if (!client.ok) return client;
  const running = await runningAlready(data, client.value.ca);
  if (running)
    return {
      ok: false,
      fault: {
        code: 'already-running',
        detail: `the services of ${data} run already, in process ${running.pid}`,
        hint: `see 'sekimori status --data ${data}'`,
      },
    };
  const paths = dataPaths(data);
  const attestationConfig = await loadConfig(AttestationConfig, {
    file: paths.attestationConfig,
    env,
    prefix: 'SEKIMORI_ATTESTATION_',
  });
  if (!attestationConfig.ok) return attestationConfig;
  const keyProtectionConfig = await loadConfig(KeyProtectionConfig, {
    file: paths.keyProtectionConfig,
    env,
    prefix: 'SEKIMORI_KPS_',
    unsafe: UNSAFE_SETTINGS,
  });
  if (!keyProtectionConfig.ok) return keyProtectionConfig;

  const attestation = await startAttestationService(withPort(attestationConfig.value, ports.attestation), {
    logger,
    clock,
    version,
  });
  if (!attestation.ok) return attestation;
  const closeAll = [attestation.value.close];
  const close = async (): Promise<void> => {
    await rm(paths.run, { force: true });
    for (let next = closeAll.pop(); next; next = closeAll.pop()) await next();
  };
  try {
    const fetchStatement = () => attestation.value.revocationStatement();
    const keyProtection = await startKeyProtectionService(withPort(keyProtectionConfig.value, ports.keyProtection), {
      logger,
      clock,
      version,
      fetchStatement,
    });
    if (!keyProtection.ok) {
      await close();
      return keyProtection;
    }
    closeAll.push(keyProtection.value.close);
    const attestationUrl = reachable(client.value.attestation, attestation.value.url);
    const keyProtectionUrl = reachable(client.value.keyProtection, keyProtection.value.url);
    const run: RunFile = { pid: ownPid, attestation: attestationUrl, keyProtection: keyProtectionUrl };
    await writePrivateFile(paths.run, Buffer.from(`${JSON.stringify(run, null, 2)}\n`), { replace: true });
    return ok({ attestationUrl, keyProtectionUrl, caFile: client.value.ca, close });
  } catch (error) {
    await close();
    throw error;
  }
}

const { version } = createRequire(import.meta.url)('../../package.json') as { readonly version: string };

/** A run.json alone proves nothing, since one that was killed leaves it: what counts is that it answers, under our CA. */
async function runningAlready(data: string, caFile: string): Promise<RunFile | undefined> {
  const run = await readRunFile(data);
  if (!run) return undefined;
  const transport = nodeTransport({ ca: await readFile(caFile, 'utf8'), timeoutSeconds: 2 });
  try {
    const answer = await createClient({ baseUrl: run.attestation, transport }).call(healthRoutes.healthz);
    return answer.ok ? run : undefined;
  } catch {
    return undefined; // nobody is there
  } finally {
    transport.close();
  }
}

interface Loaded<Config> {
  readonly config: Config;
  readonly insecure: readonly string[];
}

function withPort<Config extends { readonly listen: { readonly host: string; readonly port: number } }>(
  loaded: Loaded<Config>,
  port: number | undefined,
): Loaded<Config> {
  const { config, insecure } = loaded;
  return port === undefined ? loaded : { config: { ...config, listen: { ...config.listen, port } }, insecure };
}

/** The name that stands in the TLS certificate, with the port that was really had. */
function reachable(known: string, bound: string): string {
  const address = new URL(known);
  address.port = new URL(bound).port;
  return address.origin;
}
