import { setTimeout as sleep } from 'node:timers/promises';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import type { Result } from '@sekimori/result';
import { adviceOnResponseCode, Tpm, type TpmTransport } from '@sekimori/tpm2';
import { openLinuxTpm, openTpmSocket } from '@sekimori/tpm2-device';
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
    transmit: (command) =>
      transport.transmit(command).catch((cause: unknown) => {
        throw new Outage('no answer', { cause });
      }),
    close: () => transport.close(),
  };
}

function faultOf(address: TpmAddress, cause: unknown): CommandFault {
  const place = placeOf(address);
  const { message = String(cause), code = '' } = systemErrorIn(cause);
  const [why, hint] = TROUBLE[`${address.kind === 'device' ? 'device' : 'socket'} ${code}`] ??
    TROUBLE[code] ?? [message, OTHERWISE];
  return { code: 'tpm-outage', detail: `cannot use the TPM at ${place}: ${why}`, hint };
}

interface SystemError {
  readonly message?: string;
  readonly code?: string;
  readonly cause?: unknown;
}

/** The error of the system that another one may be wrapped around; else the error itself. */
function systemErrorIn(error: unknown): SystemError {
  const given = (error ?? {}) as SystemError;
  const inner = (given.cause ?? {}) as SystemError;
  return typeof given.code !== 'string' && typeof inner.code === 'string' ? inner : given;
}

const OTHERWISE = 'see that a TPM 2.0 answers there, and that no other program holds it';
const NOT_ALLOWED = ['you may not use it', "run this as root, or as a member of the group 'tss'"] as const;
const NOBODY = [
  'nobody listens there',
  'start swtpm, and name the socket of its commands, not that of its control',
] as const;
const TROUBLE: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  'device ENOENT': [
    'there is no such device',
    'switch the TPM on in the firmware setup, or name another one: --device, or --swtpm for a software TPM',
  ],
  'device ENODEV': ['the device is gone', 'look into the log of the kernel'],
  'device ENXIO': ['there is no TPM behind it', 'name another one with --device'],
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
  EBUSY: ['another program has it for itself', 'use /dev/tpmrm0, which programs share, or end the other program'],
  'socket ENOENT': NOBODY,
  'socket ECONNREFUSED': NOBODY,
  EISDIR: ['it is a folder', 'name a device such as /dev/tpmrm0'],
  ENOTSOCK: ['it is no socket', 'name the socket of swtpm, or a device with --device'],
};

function withAdvice(fault: CommandFault): CommandFault {
  if (fault.code !== 'tpm-error') return fault;
  const advice = adviceOnResponseCode(fault.response.code);
  return advice ? { ...fault, detail: `${fault.detail}: ${advice.means}`, hint: advice.todo } : fault;
}
