import { MAX_FRAME, type TpmTransport } from '@sekimori/tpm2';

export interface TransportOptions {
  /** How long one command may take. An RSA key may take half a minute on a slow TPM: the default is 90 000. */
  readonly timeoutMillis?: number;
}
const DEFAULT_TIMEOUT_MILLIS = 90_000;

/** A connection that can hold one command at a time; `exchange` rejects once the connection is no good any more. */
export interface Exchange {
  exchange(command: Uint8Array): Promise<Uint8Array>;
  /** Also in the middle of an exchange, which then rejects. */
  close(reason: Error): Promise<void>;
}

/** Queues commands, limits their size and time, and ends the connection when an answer does not come. */
export function serialTransport(connection: Exchange, options: TransportOptions = {}): TpmTransport {
  const timeout = options.timeoutMillis ?? DEFAULT_TIMEOUT_MILLIS;
  let last: Promise<unknown> = Promise.resolve();
  let ended: Error | undefined;

  async function end(reason: Error): Promise<void> {
    if (ended) return;
    ended = reason;
    await connection.close(reason);
  }
  async function transmitNow(command: Uint8Array): Promise<Uint8Array> {
    if (ended) throw ended;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the TPM did not answer within ${timeout} ms`)), timeout);
    });
    try {
      return await Promise.race([connection.exchange(command), late]);
    } catch (error) {
      await end(error as Error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
  return {
    transmit: (command) => {
      if (command.length > MAX_FRAME) return Promise.reject(new RangeError(`a command of ${command.length} bytes`));
      const own = Uint8Array.from(command);
      const answer = last.then(() => transmitNow(own));
      last = answer.catch(() => {});
      return answer;
    },
    close: () => end(new Error('the connection to the TPM is closed')),
  };
}
