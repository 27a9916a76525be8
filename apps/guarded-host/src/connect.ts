import { open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@sekimori/client';
import { type NodeTransport, nodeTransport, type NodeTransportOptions } from '@sekimori/client/node';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { type Certificate, certificatesFromPem } from '@sekimori/pki';
import { describeFault, ok, type Result } from '@sekimori/result';
import { type Clock, type StartFault, systemClock } from '@sekimori/service-kit/program';
import { Tpm } from '@sekimori/tpm2';
import { openLinuxTpm, openTpmSocket } from '@sekimori/tpm2-device';
import type { HostSettings, TpmAddress } from './config.ts';
import type { AttestationService, AttestDeps, AttestingDeps, HostDeps, KeyProtectionService } from './deps.ts';
import { anyNode, Failover, type ServiceNode } from './failover.ts';
import { type HostFault, hostFault } from './faults.ts';
import { SharedWork } from './shared-work.ts';
import { DEFAULT_SERVICE, fileHostState } from './state/files.ts';
import type { HostState } from './state/state.ts';
import { openTlsIdentity } from './tls-identity.ts';
import { flushLeftovers } from './tpm-leftovers.ts';
import { reopeningTransport } from './tpm-transport.ts';

type Asked<T> = Promise<Result<T, StartFault | HostFault>>;

export interface ConnectedHost {
  readonly settings: HostSettings;
  readonly crypto: HostDeps['crypto'];
  readonly clock: HostDeps['clock'];
  /** Opened at its first use, and again after an outage. Rejects with `TpmOutageError`. */
  readonly tpm: Tpm;
  readonly readEventLog: HostDeps['readEventLog'];
  readonly readImaList: NonNullable<HostDeps['readImaList']>;
  readonly failover: HostDeps['failover'];
  /** What this host is to each attestation service of the settings; under 'default' where there is none. */
  readonly states: ReadonlyMap<string, HostState>;
  /** Certificates above the endorsement certificates, DER. */
  endorsementIntermediates(): Asked<readonly Uint8Array[]>;
  /** The attestation services; none where none is configured. */
  attestation(): Asked<readonly AttestationService[]>;
  /** What `enrol` needs, at any node of one service: the first, or the one of this name. Faults as those of `deps`. */
  atService(name?: string): Asked<AttestDeps>;
  /** What it takes to stay attested. Faults as those of `deps`. */
  attesting(): Asked<AttestingDeps>;
  /** Everything there is; makes the TLS client key where there is none. `local-mode`; `service-not-configured`: none of a kind. */
  deps(): Asked<HostDeps>;
  close(): Promise<void>;
}

/** The ports of a host as its settings name them. Nothing is reached before it is used. */
export async function connectHost(
  settings: HostSettings,
  { clock = systemClock }: { readonly clock?: Clock } = {},
): Asked<ConnectedHost> {
  const crypto = nodeCrypto;
  const states = await openStates(settings);
  if (!states.ok) return states;
  const [firstState] = states.value.values();
  const tpm = openTpm(settings.tpm);
  const transports: NodeTransport[] = [];
  const failover = { attestation: new Failover(clock), keyProtection: new Failover(clock) };
  const attesting: HostDeps['attesting'] = new SharedWork();
  const machine = {
    crypto,
    clock,
    tpm,
    readEventLog: () => readEventLog(settings.eventLog),
    readImaList: () => readBounded(settings.imaList, MAX_IMA_LIST),
  };

  async function nodesOf(
    setting: string,
    { urls, ca: file }: { readonly urls: readonly string[]; readonly ca: string },
    client?: NodeTransportOptions['client'],
  ): Asked<readonly ServiceNode[]> {
    const ca = await readText(`${setting}.ca`, file);
    if (!ca.ok) return ca;
    const parsed = certificatesFromPem(ca.value);
    if (!parsed.ok) return invalid(`${setting}.ca`, `${file}: ${describeFault(parsed.fault)}`);
    const transport = nodeTransport({ ca: ca.value, ...(client && { client }) });
    transports.push(transport);
    return ok(urls.map((url) => ({ url, client: createClient({ baseUrl: url, transport }) })));
  }

  const attestation = once(async (): Asked<readonly AttestationService[]> => {
    const services: AttestationService[] = [];
    for (const service of settings.attestation) {
      const nodes = await nodesOf('attestation', service);
      if (!nodes.ok) return nodes;
      const signers = service.signers === undefined ? undefined : await readCertificates('signers', service.signers);
      if (signers && !signers.ok) return signers;
      const { name } = service;
      const pinned = signers && { signers: signers.value };
      services.push({ name, nodes: nodes.value, state: states.value.get(name)!, ...pinned });
    }
    return ok(services);
  });

  const keyProtection = once(async (): Asked<readonly KeyProtectionService[]> => {
    const tls = await openTlsIdentity({ crypto, clock, state: firstState! });
    if (!tls.ok) return tls;
    const services: KeyProtectionService[] = [];
    for (const { guardian, ...service } of settings.keyProtection) {
      const nodes = await nodesOf('keyProtection', service, { key: tls.value.key, cert: tls.value.certificate });
      if (!nodes.ok) return nodes;
      services.push({ nodes: nodes.value, ...(guardian !== undefined && { guardian }) });
    }
    return ok(services);
  });

  async function attestingPorts(): Asked<AttestingDeps> {
    if (settings.mode === 'local') return hostFault('local-mode', 'this host asks no Host Guardian Service');
    const asked = await attestation();
    if (!asked.ok) return asked;
    if (asked.value.length === 0) return notConfigured('attestation');
    return ok({ ...machine, failover, attesting, attestation: asked.value });
  }

  return ok({
    ...machine,
    settings,
    failover,
    states: states.value,
    attestation,
    attesting: attestingPorts,
    async endorsementIntermediates() {
      const file = settings.endorsementIntermediates;
      if (file === undefined) return ok([]);
      const read = await readCertificates('endorsementIntermediates', file);
      return read.ok ? ok(read.value.map(({ der }) => der)) : read;
    },
    async atService(wanted) {
      const ports = await attestingPorts();
      if (!ports.ok) return ports;
      const service = ports.value.attestation.find(({ name }) => wanted === undefined || name === wanted);
      if (!service) return notConfigured('attestation', wanted);
      const { state, signers, nodes } = service;
      return ok({ ...machine, state, attestation: anyNode(failover.attestation, nodes), ...(signers && { signers }) });
    },
    async deps() {
      const ports = await attestingPorts();
      if (!ports.ok) return ports;
      if (settings.keyProtection.length === 0) return notConfigured('keyProtection');
      const keepers = await keyProtection();
      return keepers.ok ? ok({ ...ports.value, keyProtection: keepers.value }) : keepers;
    },
    async close() {
      for (const transport of transports) transport.close();
      await tpm.close();
    },
  });
}

async function openStates({
  stateFolder,
  attestation,
}: HostSettings): Promise<Result<ReadonlyMap<string, HostState>, HostFault>> {
  const states = new Map<string, HostState>();
  const names = attestation.length === 0 ? [DEFAULT_SERVICE] : attestation.map(({ name }) => name);
  for (const name of names) {
    const state = await fileHostState(stateFolder, name);
    if (!state.ok) return state;
    states.set(name, state.value);
  }
  return ok(states);
}

/** The first good outcome stays; after a fault it is tried again. */
function once<T>(make: () => Asked<T>): () => Asked<T> {
  let made: Asked<T> | undefined;
  return async () => {
    made ??= make();
    const outcome = await made;
    if (!outcome.ok) made = undefined;
    return outcome;
  };
}

const PAUSE_MILLIS = 20;

export function openTpm(address: TpmAddress): Tpm {
  const place = address.kind === 'tcp' ? `${address.host}:${address.port}` : address.path;
  const transport = reopeningTransport(place, async () => {
    const opened = await (address.kind === 'device' ? openLinuxTpm(address.path) : openTpmSocket(address));
    if (!hasResourceManager(address)) await flushLeftovers(new Tpm(opened, nodeCrypto));
    return opened;
  });
  const pause = (attempt: number): Promise<void> => sleep(attempt * PAUSE_MILLIS);
  return new Tpm(transport, nodeCrypto, { pause });
}

/** The kernel's /dev/tpmrm0; swtpm and /dev/tpm0 are the bare TPM. */
function hasResourceManager(address: TpmAddress): boolean {
  return address.kind === 'device' && address.path.includes('tpmrm');
}

/** What the service takes. */
const MAX_EVENT_LOG = 1024 * 1024;
const MAX_IMA_LIST = 4 * 1024 * 1024;

export function readEventLog(path: string): Promise<Uint8Array> {
  return readBounded(path, MAX_EVENT_LOG);
}

/** securityfs tells no size, so reading stops at `max`. */
async function readBounded(path: string, max: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(max + 1);
    let length = 0;
    for (let more = -1; more !== 0 && length < bytes.length; length += more)
      more = (await file.read(bytes, length, bytes.length - length, null)).bytesRead;
    if (length > max) throw new Error(`${path} has more than ${max} bytes`);
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

function notConfigured(key: 'attestation' | 'keyProtection', name?: string) {
  const detail = name === undefined ? `there is no address in ${key}` : `no attestation service is called '${name}'`;
  const hint = `set ${key}.url and ${key}.ca in the configuration file, or ${key}Services`;
  return { ok: false, fault: { code: 'service-not-configured', detail, hint } } as const;
}
