import type { TpmTransport } from '@sekimori/tpm2';

/** The TPM was not reached or did not answer. The message is for people. */
export class TpmOutageError extends Error {
  constructor(place: string, cause: unknown) {
    super(`cannot use the TPM at ${place}: ${(cause as Error).message}`, { cause });
    this.name = 'TpmOutageError';
  }
}

/**
 * A transport that opens another one at its first use, and again after it failed: what was in the TPM by then is lost, and
 * whoever used it hears of the outage. Its rejections say that it was the TPM.
 */
export function reopeningTransport(place: string, open: () => Promise<TpmTransport>): TpmTransport {
  let opened: Promise<TpmTransport> | undefined;
  return {
    async transmit(command) {
      const mine = (opened ??= open());
      try {
        return await (await mine).transmit(command);
      } catch (error) {
        if (opened === mine) opened = undefined;
        await closed(mine);
        throw new TpmOutageError(place, error);
      }
    },
    async close() {
      const mine = opened;
      opened = undefined;
      if (mine) await closed(mine);
    },
  };
}

async function closed(transport: Promise<TpmTransport>): Promise<void> {
  await transport.then((each) => each.close()).catch(() => {}); // it never opened, or is closed already
}
