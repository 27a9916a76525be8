import type { TpmTransport } from '@sekimori/tpm2';
import { DEFAULT_TIMEOUT_MILLIS, serialTransport, type TransportOptions } from './serial.ts';
import { connected, type SocketAddress } from './socket.ts';
import { BARE, streamExchange } from './stream.ts';
import { cancelSwtpmCommand, setSwtpmLocality, swtpmFeatures } from './swtpm-control.ts';

/** Of the commands: who speaks to the TPM. 0 is an operating system, 4 the code that starts it. Part 1, 13. */
export type Locality = 0 | 1 | 2 | 3 | 4;

/** The locality, 0 to 4, that commands come from; and how long they may take. */
export interface LocalityOptions extends TransportOptions {
  /** 0 where nothing is set. */
  readonly locality?: Locality;
}

/**
 * A swtpm with both of its channels, each TCP or UNIX: commands over `data`, their locality and cancellation over `control`, which is
 * connected to for each request and must be free. Rejects with a `TpmDeviceError` when one of them does not listen, else when it is silent, when the locality is refused, or when this
 * swtpm has no localities and one is asked for. swtpm 0.7.1 reads its control channel between commands alone: a cancellation
 * then changes nothing, and the command is answered in full. A swtpm without the feature is as `openTpmSocket`.
 */
export async function openSwtpm(
  address: { readonly data: SocketAddress; readonly control: SocketAddress },
  options: LocalityOptions = {},
): Promise<TpmTransport> {
  const { data, control } = address;
  const { locality = 0, timeoutMillis = DEFAULT_TIMEOUT_MILLIS } = options;
  const features = await swtpmFeatures(control);
  // It is swtpm's, not the connection's: also 0 must be set, after somebody who set another.
  if (features.has('locality')) await setSwtpmLocality(control, locality);
  else if (locality !== 0) throw new Error('this swtpm has no localities');
  // Not lowered: the TPM itself forgets a cancellation with the next command.
  const cancellation = { raise: () => cancelSwtpmCommand(control, timeoutMillis) };
  const extras = features.has('cancellation') ? { cancellation } : {};
  return serialTransport(streamExchange(await connected(data), BARE, extras), options);
}
