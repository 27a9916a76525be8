import type { TpmTransport } from '@sekimori/tpm2';

/** The TPM was not reached or did not answer. The message is for people. */
export class TpmOutageError extends Error {
  constructor(place: string, cause: unknown) {
    super(`cannot use the TPM at ${place}: ${(cause as Error).message}`, { cause });
    this.name = 'TpmOutageError';
  }
}

interface Connection {
  readonly transport: Promise<TpmTransport>;
  /** Commands that are not answered yet. */
  pending: number;
}

/**
 * A transport that opens another one at its first use, and again after it failed: what was in the TPM by then is lost, and
 * whoever used it hears of the outage. Its rejections say that it was the TPM; a command that was given up rejects with its
 * signal's reason.
 */
export function reopeningTransport(place: string, open: () => Promise<TpmTransport>): TpmTransport {
  let current: Connection | undefined;
  return {
    async transmit(command, options) {
      options?.signal?.throwIfAborted();
      const mine = (current ??= { transport: open(), pending: 0 });
      mine.pending++;
      try {
        return await mine.transport.then((each) => each.transmit(command, options)).finally(() => mine.pending--);
      } catch (error) {
        const isGivenUp = options?.signal?.aborted === true;
        // One that waited leaves the connection to the others. Alone it was under way, and that ended the connection.
        if (isGivenUp && mine.pending > 0) throw error;
        if (current === mine) current = undefined;
        await closed(mine);
        throw isGivenUp ? error : new TpmOutageError(place, error);
      }
    },
    async close() {
      const mine = current;
      current = undefined;
      if (mine) await closed(mine);
    },
  };
}

async function closed({ transport }: Connection): Promise<void> {
  await transport.then((each) => each.close()).catch(() => {}); // it never opened, or is closed already
}
