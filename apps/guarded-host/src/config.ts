import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import { ok, type Result } from '@sekimori/result';
import { FilePath, loadConfig, type StartFault } from '@sekimori/service-kit/program';
import { type Static, Type } from 'typebox';
import { DEFAULT_SERVICE, SERVICE_NAME } from './state/files.ts';
import { VmSettings } from './vm/settings.ts';

const strict = { additionalProperties: false };
const Url = (description?: string) =>
  Type.String({ pattern: '^https://[^/?#@ ]+/?$', ...(description !== undefined && { description }) });
const Urls = Type.Array(Url(), { minItems: 1, maxItems: 16 });
const MAX_SERVICES = 16;

const OneService = (what: string) =>
  Type.Object(
    {
      url: Url(`${what}, https://host:port`),
      ca: FilePath({ description: 'the CA of its TLS certificate (PEM)' }),
    },
    strict,
  );

const AttestationServiceSetting = Type.Object(
  {
    name: Type.String({ pattern: SERVICE_NAME }),
    urls: Urls,
    ca: Type.String({ minLength: 1 }),
    signers: Type.Optional(Type.String({ minLength: 1 })),
  },
  strict,
);

const KeyProtectionServiceSetting = Type.Object(
  {
    urls: Urls,
    ca: Type.String({ minLength: 1 }),
    guardian: Type.Optional(Type.String({ pattern: '^[0-9a-f]{64}$' })),
  },
  strict,
);

/** The configuration of a guarded host: a JSON file, overridden by SEKIMORI_HOST_… variables. */
export const HostConfig = Type.Object(
  {
    mode: Type.Union([Type.Literal('host-guardian-service'), Type.Literal('local')], {
      default: 'host-guardian-service',
      description: "'host-guardian-service', or 'local': a machine of an owner, which asks nobody",
    }),
    name: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
        description: 'letters, digits, . _ - ; at most 63; else the name of the machine',
      }),
    ),
    stateFolder: FilePath({ default: '/var/lib/sekimori-host', description: 'a folder for this program alone' }),
    socket: FilePath({
      default: '/run/sekimori-host/agent.sock',
      description: 'where the agent listens; its folder is for this program alone',
    }),
    tpm: Type.Object(
      {
        device: Type.Optional(FilePath({ description: 'a device of Linux; /dev/tpmrm0 where nothing is set' })),
        swtpm: Type.Optional(Type.Object({ socket: FilePath() }, strict)),
        tcp: Type.Optional(
          Type.Object({ host: Type.String(), port: Type.Integer({ minimum: 1, maximum: 65535 }) }, strict),
        ),
      },
      { ...strict, default: {} },
    ),
    eventLog: FilePath({ default: '/sys/kernel/security/tpm0/binary_bios_measurements' }),
    imaList: FilePath({
      default: '/sys/kernel/security/ima/binary_runtime_measurements',
      description: 'what the kernel measured since the boot; sent where a service asks for PCR 10',
    }),
    endorsementIntermediates: Type.Optional(
      FilePath({ description: 'certificates between the TPM and its vendor root (PEM), where the TPM holds none' }),
    ),
    signers: Type.Optional(
      FilePath({
        description: 'the CA over attestation signers, or signers (PEM): no other health certificate is accepted',
      }),
    ),
    attestation: Type.Optional(OneService('the attestation service')),
    keyProtection: Type.Optional(OneService('the key protection service')),
    attestationServices: Type.Optional(
      Type.Array(AttestationServiceSetting, {
        minItems: 1,
        maxItems: MAX_SERVICES,
        description: 'in place of attestation, in the order in which they are asked: name, urls, ca, signers',
      }),
    ),
    keyProtectionServices: Type.Optional(
      Type.Array(KeyProtectionServiceSetting, {
        minItems: 1,
        maxItems: MAX_SERVICES,
        description: 'in place of keyProtection, in the order in which they are asked: urls, ca, guardian',
      }),
    ),
    vms: VmSettings,
  },
  strict,
);
export type HostConfig = Static<typeof HostConfig>;

export type TpmAddress =
  | { readonly kind: 'device'; readonly path: string }
  | { readonly kind: 'swtpm'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** One of the attestation services: its nodes in the order in which they are asked. Files are absolute or of the working directory. */
export interface AttestationServiceSettings {
  readonly name: string;
  readonly urls: readonly string[];
  readonly ca: string;
  readonly signers?: string;
}
export interface KeyProtectionServiceSettings {
  readonly urls: readonly string[];
  readonly ca: string;
  /** Fingerprint of the guardian that it serves. */
  readonly guardian?: string;
}

type Derived = 'tpm' | 'name' | 'attestation' | 'keyProtection' | 'attestationServices' | 'keyProtectionServices';

/** The configuration with what follows from it; the short form of a service is a list of one. */
export interface HostSettings extends Omit<HostConfig, Derived | 'signers'> {
  readonly name: string;
  readonly tpm: TpmAddress;
  readonly attestation: readonly AttestationServiceSettings[];
  readonly keyProtection: readonly KeyProtectionServiceSettings[];
}

/** Faults as `loadConfig` has them. */
export async function loadHostConfig(source: {
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Promise<Result<HostSettings, StartFault>> {
  const loaded = await loadConfig(HostConfig, { ...source, prefix: 'SEKIMORI_HOST_' });
  if (!loaded.ok) return loaded;
  const { tpm, name, signers, attestation, attestationServices, keyProtection, keyProtectionServices, ...config } =
    loaded.value.config;
  const invalid = (detail: string, hint: string) =>
    ({
      ok: false,
      fault: { code: 'config-invalid', detail: `${source.file ?? 'configuration'}: ${detail}`, hint },
    }) as const;

  const addresses = addressesIn(tpm);
  if (addresses.length > 1)
    return invalid(`tpm names ${addresses.length} TPMs`, 'set one of tpm.device, tpm.swtpm and tpm.tcp');
  if (attestation && attestationServices)
    return invalid('attestation and attestationServices are both set', 'one service is a list of one, too');
  if (keyProtection && keyProtectionServices)
    return invalid('keyProtection and keyProtectionServices are both set', 'one service is a list of one, too');
  const names = attestationServices?.map((service) => service.name) ?? [];
  const twice = names.find((each, at) => names.indexOf(each) !== at);
  if (twice !== undefined) return invalid(`two attestation services are called ${twice}`, 'give each its own name');

  const [address = { kind: 'device', path: '/dev/tpmrm0' } as const] = addresses;
  // Lists are JSON to `loadConfig`, which knows of no paths in them.
  const path = (file: string) => resolve(source.file === undefined ? '.' : dirname(source.file), file);
  return ok({
    ...config,
    name: name ?? machineName(),
    tpm: address,
    attestation: attestation
      ? [
          {
            name: DEFAULT_SERVICE,
            urls: [attestation.url],
            ca: attestation.ca,
            ...(signers !== undefined && { signers }),
          },
        ]
      : (attestationServices ?? []).map(({ ca, signers: own, ...service }) => {
          const pinned = own === undefined ? signers : path(own);
          return { ...service, ca: path(ca), ...(pinned !== undefined && { signers: pinned }) };
        }),
    keyProtection: keyProtection
      ? [{ urls: [keyProtection.url], ca: keyProtection.ca }]
      : (keyProtectionServices ?? []).map((service) => ({ ...service, ca: path(service.ca) })),
  });
}

function addressesIn({ device, swtpm, tcp }: HostConfig['tpm']): readonly TpmAddress[] {
  return [
    ...(device === undefined ? [] : [{ kind: 'device', path: device } as const]),
    ...(swtpm ? [{ kind: 'swtpm', path: swtpm.socket } as const] : []),
    ...(tcp ? [{ kind: 'tcp', ...tcp } as const] : []),
  ];
}

function machineName(): string {
  return (
    hostname()
      .replaceAll(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 63) || 'host'
  );
}
