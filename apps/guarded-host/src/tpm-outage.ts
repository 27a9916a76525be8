import type { TpmTransport } from '@sekimori/tpm2';

/** The TPM was not reached or did not answer. The message is for people. */
export class TpmOutageError extends Error {
  constructor(place: string, cause: unknown) {
    super(`cannot use the TPM at ${place}: ${(cause as Error).message}`, { cause });
    this.name = 'TpmOutageError';
  }
}

/** A transport whose rejections say that it was the TPM. */
export function namedTransport(place: string, transport: TpmTransport): TpmTransport {
  return {
    async transmit(command) {
      try {
        return await transport.transmit(command);
      } catch (error) {
        throw new TpmOutageError(place, error);
      }
    },
    close: () => transport.close(),
  };
}
