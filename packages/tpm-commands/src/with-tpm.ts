import { setTimeout as sleep } from 'node:timers/promises';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import type { Result } from '@sekimori/result';
import { adviceOnResponseCode, Tpm, type TpmTransport } from '@sekimori/tpm2';
import { openLinuxTpm, openTpmSocket, TpmDeviceError } from '@sekimori/tpm2-device';
import { addressFrom, placeOf, type TpmAddress } from './address.ts';
import type { CommandFault, Given } from './command.ts';

const PAUSE_MILLIS = 20;

/**
 * The TPM of a command line for the time of `work`. `tpm-outage`: it was not reached, or did not answer. A refusal of the TPM comes with
 * advice on its response code.
 */
export async function withTpm<T>(
  given: Given,
  work: (tpm: Tpm) => Promise<Result<T, CommandFault>>,
): Promise<Result<T, CommandFault>> {
  const address = addressFrom(given.options, given.tpm);
  if (!address.ok) return address;
  let transport: TpmTransport | undefined;
  try {
    transport = sayingOutage(await opened(address.value));
    const outcome = await work(new Tpm(transport, nodeCrypto, { pause: (attempt) => sleep(attempt * PAUSE_MILLIS) }));
    return outcome.ok ? outcome : { ok: false, fault: withAdvice(outcome.fault) };
  } catch (error) {
    if (!(error instanceof Outage)) throw error;
    return { ok: false, fault: faultOf(address.value, error.cause) };
  } finally {
    await transport?.close().catch(() => {}); // it is lost already
  }
}

/** The connection failed; its cause says how. */
class Outage extends Error {}

async function opened(address: TpmAddress): Promise<TpmTransport> {
  try {
    return await (address.kind === 'device' ? openLinuxTpm(address.path) : openTpmSocket(address));
  } catch (cause) {
    throw new Outage('not opened', { cause });
  }
}

function sayingOutage(transport: TpmTransport): TpmTransport {
  return {
    ...transport,
    transmit: (command, options) =>
      transport.transmit(command, options).catch((cause: unknown) => {
        throw new Outage('no answer', { cause });
      }),
    close: () => transport.close(),
  };
}

function faultOf(address: TpmAddress, cause: unknown): CommandFault {
  const [why, hint] =
    cause instanceof TpmDeviceError ? [cause.message, DEVICE_HINTS[cause.reason]] : otherTrouble(cause);
  return { code: 'tpm-outage', detail: `cannot use the TPM at ${placeOf(address)}: ${why}`, hint };
}

const OTHERWISE = 'see that a TPM 2.0 answers there, and that no other program holds it';
const ANOTHER = 'name another one: --device, or --swtpm for a software TPM';
const DEVICE_HINTS: Readonly<Record<TpmDeviceError['reason'], string>> = {
  missing: `switch the TPM on in the firmware setup, or ${ANOTHER}`,
  busy: 'use /dev/tpmrm0, which programs share, or end the other program',
  denied: "run this as root, or as a member of the group 'tss'",
  'no-device': 'name a device such as /dev/tpmrm0',
  platform: ANOTHER,
  other: OTHERWISE,
};

/** Of a socket, or after the opening. */
function otherTrouble(cause: unknown): readonly [why: string, hint: string] {
  const { message = String(cause), code = '' } = (cause ?? {}) as { readonly message?: string; readonly code?: string };
  return SOCKET_TROUBLE[code] ?? [message, OTHERWISE];
}
const NOT_ALLOWED = ['you may not use it', 'run this as root, or as the user of swtpm'] as const;
const NOBODY = [
  'nobody listens there',
  'start swtpm, and name the socket of its commands, not that of its control',
] as const;
const SOCKET_TROUBLE: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
  ENOENT: NOBODY,
  ECONNREFUSED: NOBODY,
  ENOTSOCK: ['it is no socket', 'name the socket of swtpm, or a device with --device'],
};

function withAdvice(fault: CommandFault): CommandFault {
  if (fault.code !== 'tpm-error') return fault;
  const advice = adviceOnResponseCode(fault.response.code, fault.command);
  return advice ? { ...fault, detail: `${fault.detail}: ${advice.means}`, hint: advice.todo } : fault;
}
