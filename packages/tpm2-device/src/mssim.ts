import { concat, u32be } from '@sekimori/bytes';
import type { TpmTransport } from '@sekimori/tpm2';
import { serialTransport } from './serial.ts';
import { connected, type SocketAddress } from './socket.ts';
import { mssimFraming, streamExchange } from './stream.ts';
import type { LocalityOptions } from './swtpm-socket.ts';

/** Signals of the platform port, each answered by u32 0. */
const SIGNALS = { powerOn: 1, powerOff: 2, cancelOn: 9, cancelOff: 10, nvOn: 11 } as const;
/** On both ports: this client is done. */
const SESSION_END = 20;
const ANSWER_TIMEOUT_MILLIS = 10_000;

export type MssimSignal = keyof typeof SIGNALS;

/**
 * A TPM behind the ports of the reference simulator ("mssim"), usually 2321 for commands and 2322 for the platform. It must have its
 * power (`signalMssim` with `powerOn`, then `nvOn`). Without `platform` nothing can be cancelled; with it, a cancellation that somebody left is lowered
 * first, and this rejects where that cannot be done. Rejects with a `TpmDeviceError` where nobody listens. Each signal connects anew, since the simulator serves one connection a port.
 */
export async function openMssim(
  address: { readonly commands: SocketAddress; readonly platform?: SocketAddress },
  options: LocalityOptions = {},
): Promise<TpmTransport> {
  const { commands, platform } = address;
  const cancellation = platform && {
    raise: () => signalMssim(platform, 'cancelOn'),
    // The simulator keeps it until it is told otherwise.
    lower: () => signalMssim(platform, 'cancelOff'),
  };
  const extras = { farewell: u32be(SESSION_END), ...(cancellation && { cancellation }) };
  const framing = mssimFraming(options.locality ?? 0);
  const connection = streamExchange(await connected(commands), framing, extras);
  try {
    await cancellation?.lower();
  } catch (error) {
    await connection.close(error as Error);
    throw error;
  }
  return serialTransport(connection, options);
}

/** One signal to the platform port of a simulator. Rejects when it is not answered by 0 within ten seconds. */
export async function signalMssim(platform: SocketAddress, signal: MssimSignal): Promise<void> {
  const socket = await connected(platform);
  try {
    const answer = await new Promise<Uint8Array>((resolve, reject) => {
      let held: Uint8Array = new Uint8Array(0);
      socket.setTimeout(ANSWER_TIMEOUT_MILLIS, () => reject(new Error('the simulator did not answer a signal')));
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('the simulator closed its platform port')));
      socket.on('data', (chunk: Uint8Array) => {
        held = concat(held, chunk);
        if (held.length >= 4) resolve(held);
      });
      socket.write(u32be(SIGNALS[signal]));
    });
    if (answer.length !== 4 || answer.some((byte) => byte !== 0))
      throw new Error(`the simulator does not take the signal ${signal}`);
    await new Promise<void>((resolve) => socket.end(u32be(SESSION_END), () => resolve()));
  } finally {
    socket.destroy();
  }
}
