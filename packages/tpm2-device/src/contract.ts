import { describe } from 'vitest';
import type { Channel, OpenBench } from './contract/bench.ts';
import { cancellationContract, noCancellationContract, withdrawalContract } from './contract/cancellation.ts';
import { exchangeContract } from './contract/exchanges.ts';
import { streamContract } from './contract/streams.ts';

export type {
  CancellationPeer,
  Channel,
  OpenBench,
  StreamPeer,
  TransportBench,
  TransportPeer,
} from './contract/bench.ts';

/** What every transport to a TPM does, whatever its channel: `open` makes one whose other end the suite plays. */
export function transportContract(name: string, channel: Channel, open: OpenBench): void {
  describe(`TpmTransport: ${name}`, () => {
    exchangeContract(open);
    if (channel.isStream) streamContract(open);
    withdrawalContract(open);
    const underWay = channel.canCancel ? cancellationContract : noCancellationContract;
    underWay(open);
  });
}
