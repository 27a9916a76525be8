import { open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '@sekimori/client';
import { type NodeTransport, nodeTransport, type NodeTransportOptions } from '@sekimori/client/node';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { type Certificate, certificatesFromPem } from '@sekimori/pki';
import { describeFault, ok, type Result } from '@sekimori/result';
import { type StartFault, systemClock } from '@sekimori/service-kit/program';
import { Tpm, type TpmTransport } from '@sekimori/tpm2';
import { openLinuxTpm, openTpmSocket } from '@sekimori/tpm2-device';
import type { HostSettings, TpmAddress } from './config.ts';
import type { HostDeps } from './deps.ts';
import type { HostFault } from './faults.ts';
import { fileHostState } from './state/files.ts';
import { openTlsIdentity } from './tls-identity.ts';
import { namedTransport, TpmOutageError } from './tpm-outage.ts';

export interface ConnectedHost {
  readonly settings: HostSettings;
  readonly crypto: HostDeps['crypto'];
  readonly clock: HostDeps['clock'];
  readonly state: HostDeps['state'];
  readonly readEventLog: HostDeps['readEventLog'];
  readonly signers?: readonly Certificate[];
  /** One connection, opened at the first use. Rejects with `TpmOutageError`. */
  tpm(): Promise<Tpm>;
  /** `service-not-configured`: there is no address for it. */
  attestation(): Promise<Result<Client, StartFault>>;
  /** Certificates above the endorsement certificates, DER. */
  endorsementIntermediates(): Promise<Result<readonly Uint8Array[], StartFault>>;
  /** Everything `attest` needs. */
  attesting(): Promise<Result<Omit<HostDeps, 'keyProtection'>, StartFault>>;
  /** Everything there is; makes the TLS client key where there is none. */
  deps(): Promise<Result<HostDeps, StartFault | HostFault>>;
  close(): Promise<void>;
}

/** The ports of a host as its settings name them. Nothing is reached before it is used. */
export async function connectHost(settings: HostSettings): Promise<Result<ConnectedHost, StartFault | HostFault>> {
  const [crypto, clock] = [nodeCrypto, systemClock];
  const state = await fileHostState(settings.stateFolder);
  if (!state.ok) return state;
  const signers = settings.signers === undefined ? undefined : await readCertificates('signers', settings.signers);
  if (signers && !signers.ok) return signers;
  const held = { transports: [] as NodeTransport[], tpm: undefined as Promise<Tpm> | undefined };

  async function service(
    key: 'attestation' | 'keyProtection',
    client?: NodeTransportOptions['client'],
  ): Promise<Result<Client, StartFault>> {
    const address = settings[key];
    if (!address) return notConfigured(key);
    const ca = await readText(`${key}.ca`, address.ca);
    if (!ca.ok) return ca;
    const parsed = certificatesFromPem(ca.value);
    if (!parsed.ok) return invalid(`${key}.ca`, `${address.ca}: ${describeFault(parsed.fault)}`);
    const transport = nodeTransport({ ca: ca.value, ...(client && { client }) });
    held.transports.push(transport);
    return ok(createClient({ baseUrl: address.url, transport }));
  }

  const host: ConnectedHost = {
    settings,
    crypto,
    clock,
    state: state.value,
    readEventLog: () => readEventLog(settings.eventLog),
    ...(signers && { signers: signers.value }),
    tpm: () => (held.tpm ??= openTpm(settings.tpm)),
    attestation: () => service('attestation'),
    async endorsementIntermediates() {
      const file = settings.endorsementIntermediates;
      if (file === undefined) return ok([]);
      const read = await readCertificates('endorsementIntermediates', file);
      return read.ok ? ok(read.value.map(({ der }) => der)) : read;
    },
    async attesting() {
      const attestation = await host.attestation();
      if (!attestation.ok) return attestation;
      const { readEventLog: readLog } = host;
      const known = host.signers && { signers: host.signers };
      const tpm = await host.tpm();
      return ok({
        crypto,
        clock,
        state: host.state,
        tpm,
        readEventLog: readLog,
        attestation: attestation.value,
        ...known,
      });
    },
    async deps() {
      const attesting = await host.attesting();
      if (!attesting.ok) return attesting;
      const tls = await openTlsIdentity(host);
      if (!tls.ok) return tls;
      const keyProtection = await service('keyProtection', { key: tls.value.key, cert: tls.value.certificate });
      return keyProtection.ok ? ok({ ...attesting.value, keyProtection: keyProtection.value }) : keyProtection;
    },
    async close() {
      for (const transport of held.transports) transport.close();
      await held.tpm?.then((tpm) => tpm.close()).catch(() => {});
    },
  };
  return ok(host);
}

const PAUSE_MILLIS = 20;

async function openTpm(address: TpmAddress): Promise<Tpm> {
  const place = address.kind === 'tcp' ? `${address.host}:${address.port}` : address.path;
  let transport: TpmTransport;
  try {
    transport = await (address.kind === 'device' ? openLinuxTpm(address.path) : openTpmSocket(address));
  } catch (error) {
    throw new TpmOutageError(place, error);
  }
  const pause = (attempt: number): Promise<void> => sleep(attempt * PAUSE_MILLIS);
  return new Tpm(namedTransport(place, transport), nodeCrypto, { pause });
}

/** What the service takes; securityfs tells no size, so reading stops there. */
const MAX_EVENT_LOG = 1024 * 1024;

async function readEventLog(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(MAX_EVENT_LOG + 1);
    let length = 0;
    for (let more = -1; more !== 0 && length < bytes.length; length += more)
      more = (await file.read(bytes, length, bytes.length - length, null)).bytesRead;
    if (length > MAX_EVENT_LOG) throw new Error(`${path} has more than ${MAX_EVENT_LOG} bytes`);
    return Uint8Array.from(bytes.subarray(0, length));
  } finally {
    await file.close();
  }
}

async function readCertificates(setting: string, file: string): Promise<Result<readonly Certificate[], StartFault>> {
  const text = await readText(setting, file);
  if (!text.ok) return text;
  const certificates = certificatesFromPem(text.value);
  return certificates.ok ? certificates : invalid(setting, `${file}: ${describeFault(certificates.fault)}`);
}

async function readText(setting: string, file: string): Promise<Result<string, StartFault>> {
  try {
    return ok(await readFile(file, 'utf8'));
  } catch (error) {
    return invalid(setting, (error as Error).message);
  }
}

function invalid(setting: string, detail: string) {
  return {
    ok: false,
    fault: { code: 'config-invalid', detail: `${setting}: ${detail}`, hint: `correct ${setting}` },
  } as const;
}

function notConfigured(key: 'attestation' | 'keyProtection') {
  const hint = `set ${key}.url and ${key}.ca in the configuration file`;
  return {
    ok: false,
    fault: { code: 'service-not-configured', detail: `there is no address in ${key}`, hint },
  } as const;
}
