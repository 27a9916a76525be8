import { setTimeout as sleep } from 'node:timers/promises';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import type { Result } from '@sekimori/result';
import { adviceOnResponseCode, Tpm, TPM_PT, type TpmTransport } from '@sekimori/tpm2';
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
    if (address.kind === 'device') return await openLinuxTpm(address.path);
    return await answering(await openTpmSocket(address));
  } catch (cause) {
    throw new Outage('not opened', { cause });
  }
}

/** Every TPM answers this at once, with a refusal where it was not started. */
const PROBE = { capability: 'tpmProperties', property: TPM_PT.numbers.manufacturer, propertyCount: 1 } as const;
const PROBE_SECONDS = 10;

/** A socket may take a connection and never answer: nobody should wait for that as long as for a key. */
async function answering(transport: TpmTransport): Promise<TpmTransport> {
  const silence = new AbortController();
  const message = `no answer within ${PROBE_SECONDS} s: another client may hold the connection, or this is the control channel`;
  const timer = setTimeout(() => silence.abort(new TpmDeviceError('busy', message)), 1000 * PROBE_SECONDS);
  try {
    await new Tpm(transport, nodeCrypto).run('GetCapability', { parameters: PROBE, signal: silence.signal });
    return transport;
  } catch (error) {
    await transport.close();
    throw error;
  } finally {
    clearTimeout(timer);
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
  const why = cause instanceof Error ? cause.message : String(cause);
  const hints = address.kind === 'device' ? DEVICE_HINTS : SOCKET_HINTS;
  const hint = hints[cause instanceof TpmDeviceError ? cause.reason : 'other'];
  return { code: 'tpm-outage', detail: `cannot use the TPM at ${placeOf(address)}: ${why}`, hint };
}

type Hints = Readonly<Record<TpmDeviceError['reason'], string>>;
const OTHERWISE = 'see that a TPM 2.0 answers there, and that no other program holds it';
const ANOTHER = 'name another one: --device, or --swtpm for a software TPM';
const DEVICE_HINTS: Hints = {
  missing: `switch the TPM on in the firmware setup, or ${ANOTHER}`,
  busy: 'use /dev/tpmrm0, which programs share, or end the other program',
  denied: "run this as root, or as a member of the group 'tss'",
  'no-device': 'name a device such as /dev/tpmrm0',
  platform: ANOTHER,
  other: OTHERWISE,
};
const SOCKET_HINTS: Hints = {
  missing: 'start swtpm, and name the socket of its commands, not that of its control',
  busy: 'end the other program, or name the socket of its commands, not that of its control',
  denied: 'run this as root, or as the user of swtpm',
  'no-device': 'name the socket of swtpm, or a device with --device',
  platform: ANOTHER,
  other: OTHERWISE,
};

function withAdvice(fault: CommandFault): CommandFault {
  if (fault.code !== 'tpm-error') return fault;
  const advice = adviceOnResponseCode(fault.response.code, fault.command);
  return advice ? { ...fault, detail: `${fault.detail}: ${advice.means}`, hint: advice.todo } : fault;
}
