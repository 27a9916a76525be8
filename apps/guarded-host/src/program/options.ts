import { access } from 'node:fs/promises';
import { ok, type Result } from '@sekimori/result';
import type { StartFault } from '@sekimori/service-kit/program';
import { type HostSettings, loadHostConfig, type TpmAddress } from '../config.ts';
import type { CommonOptions, Environment } from './command.ts';

const DEFAULT_CONFIG = '/etc/sekimori/host.json';

/** The configuration with the flags over it. */
export async function settingsFrom(
  options: CommonOptions & { readonly name?: string },
  env: Environment,
): Promise<Result<HostSettings, StartFault>> {
  const tpm = options.tpm === undefined ? undefined : tpmAddress(options.tpm);
  if (tpm && !tpm.ok) return tpm;
  const flags = {
    STATE_FOLDER: options.state,
    SOCKET: options.socket,
    EVENT_LOG: options.eventLog,
    ATTESTATION_URL: options.attestation,
    ATTESTATION_CA: options.ca,
    KEY_PROTECTION_URL: options.keyProtection,
    // A CA alone would be half an address.
    KEY_PROTECTION_CA: options.keyProtection === undefined ? undefined : options.ca,
    NAME: options.name,
  };
  const given = Object.entries(flags).flatMap(([name, value]) =>
    value === undefined ? [] : [[`SEKIMORI_HOST_${name}`, value]],
  );
  const file = options.config ?? (await existing(DEFAULT_CONFIG));
  const loaded = await loadHostConfig({ file, env: { ...env, ...Object.fromEntries(given) } });
  return loaded.ok && tpm ? ok({ ...loaded.value, tpm: tpm.value }) : loaded;
}

async function existing(file: string): Promise<string | undefined> {
  return access(file).then(
    () => file,
    () => undefined,
  );
}

function tpmAddress(text: string): Result<TpmAddress, StartFault> {
  const [kind, ...rest] = text.split(':');
  const place = rest.join(':');
  if ((kind === 'device' || kind === 'swtpm') && place !== '') return ok({ kind, path: place });
  const tcp = /^(.+):([0-9]{1,5})$/.exec(place);
  if (kind === 'tcp' && tcp && Number(tcp[2]) >= 1 && Number(tcp[2]) <= 65535)
    return ok({ kind, host: tcp[1]!, port: Number(tcp[2]) });
  const hint = 'device:/dev/tpmrm0, swtpm:/run/swtpm/sock or tcp:127.0.0.1:2321';
  return { ok: false, fault: { code: 'usage', detail: `--tpm does not name a TPM: '${text}'`, hint } };
}
