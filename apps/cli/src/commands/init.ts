import { ok } from '@sekimori/result';
import { initDataFolder } from '../init/init-data-folder.ts';
import type { Answer, Context } from '../outcome.ts';
import { fields } from '../output/text.ts';

export interface InitArguments {
  readonly serviceId?: string;
  readonly host?: string;
  readonly dns?: readonly string[];
  readonly attestationPort?: number;
  readonly keyProtectionPort?: number;
  readonly guardianName?: string;
}

export async function init({ data, io }: Context, options: InitArguments): Answer {
  const { attestationPort, keyProtectionPort, ...names } = options;
  const made = await initDataFolder({
    ...names,
    data,
    at: io.now(),
    ports: {
      ...(attestationPort === undefined ? {} : { attestation: attestationPort }),
      ...(keyProtectionPort === undefined ? {} : { keyProtection: keyProtectionPort }),
    },
  });
  if (!made.ok) return made;
  const { guardian, caFingerprint, attestation, keyProtection, finishedEarlier } = made.value;
  return ok({
    json: made.value,
    text: fields([
      ['Data', data],
      ['Attestation', attestation],
      ['Key protection', keyProtection],
      ['Guardian', guardian.name],
      ['  fingerprint', guardian.fingerprint],
      ['CA fingerprint', caFingerprint],
    ]),
    notes: [
      ...(finishedEarlier ? ['An earlier init had been interrupted: it is finished now, with its own options.'] : []),
      'Tenants compare the guardian fingerprint, hosts the CA fingerprint. Next:',
      `  sekimori serve --data ${data}`,
    ],
  });
}
