import { hostname } from 'node:os';
import { ok, type Result } from '@sekimori/result';
import { FilePath, loadConfig, type StartFault } from '@sekimori/service-kit/program';
import { type Static, Type } from 'typebox';

const strict = { additionalProperties: false };
const Service = (what: string) =>
  Type.Object(
    {
      url: Type.String({ pattern: '^https://[^/?#@ ]+/?$', description: `${what}, https://host:port` }),
      ca: FilePath({ description: 'the CA of its TLS certificate (PEM)' }),
    },
    strict,
  );

/** The configuration of a guarded host: a JSON file, overridden by SEKIMORI_HOST_… variables. */
export const HostConfig = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
        description: 'letters, digits, . _ - ; at most 63; else the name of the machine',
      }),
    ),
    stateFolder: FilePath({ default: '/var/lib/sekimori-host', description: 'a folder for this program alone' }),
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
    endorsementIntermediates: Type.Optional(
      FilePath({ description: 'certificates between the TPM and its vendor root (PEM), where the TPM holds none' }),
    ),
    signers: Type.Optional(
      FilePath({
        description: 'the CA over attestation signers, or signers (PEM): no other health certificate is accepted',
      }),
    ),
    attestation: Type.Optional(Service('the attestation service')),
    keyProtection: Type.Optional(Service('the key protection service')),
  },
  strict,
);
export type HostConfig = Static<typeof HostConfig>;

export type TpmAddress =
  | { readonly kind: 'device'; readonly path: string }
  | { readonly kind: 'swtpm'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** The configuration with what follows from it. */
export type HostSettings = Omit<HostConfig, 'tpm' | 'name'> & { readonly name: string; readonly tpm: TpmAddress };

/** Faults as `loadConfig` has them. */
export async function loadHostConfig(source: {
  readonly file?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Promise<Result<HostSettings, StartFault>> {
  const loaded = await loadConfig(HostConfig, { ...source, prefix: 'SEKIMORI_HOST_' });
  if (!loaded.ok) return loaded;
  const { tpm, name, ...config } = loaded.value.config;
  const addresses = addressesIn(tpm);
  if (addresses.length > 1)
    return {
      ok: false,
      fault: {
        code: 'config-invalid',
        detail: `${source.file ?? 'configuration'}: tpm names ${addresses.length} TPMs`,
        hint: 'set one of tpm.device, tpm.swtpm and tpm.tcp',
      },
    };
  const [address = { kind: 'device', path: '/dev/tpmrm0' } as const] = addresses;
  return ok({ ...config, name: name ?? machineName(), tpm: address });
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
