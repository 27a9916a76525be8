import { MAX_FRAME, type TpmTransport, type TransmitOptions } from '@sekimori/tpm2';

/** How long a transport waits, in milliseconds. */
export interface TransportOptions {
  /** How long one command may take. An RSA key may take half a minute on a slow TPM: the default is 90 000. */
  readonly timeoutMillis?: number;
}
export const DEFAULT_TIMEOUT_MILLIS = 90_000;

/** A connection that can hold one command at a time; `exchange` rejects once the connection is no good any more. */
export interface Exchange {
  exchange(command: Uint8Array): Promise<Uint8Array>;
  /** Why this command cannot be sent here; the connection stays good. */
  refuse?(command: Uint8Array): string | undefined;
  /** Absent where the channel has no such thing. */
  readonly cancellation?: Cancellation;
  /** What it may be that a command is not answered, where this channel knows more than that. */
  silence?(): string | undefined;
  /** Also in the middle of an exchange, whose outcome then matters to nobody. */
  close(reason: Error): Promise<void>;
}

/** Asks the TPM to leave off. The answer comes all the same: TPM_RC_CANCELED, or what it would have been. Part 1, 9.3. */
export interface Cancellation {
  readonly raise: () => Promise<void>;
  /**
   * Before the next command, which the cancellation is not for, also when there is none here: the TPM outlives the connection. Absent
   * where the TPM forgets it by itself.
   */
  readonly lower?: () => Promise<void>;
}

/** Queues commands, limits their size and time, and ends the connection when an answer does not come. */
export function serialTransport(connection: Exchange, options: TransportOptions = {}): TpmTransport {
  return new SerialTransport(connection, options.timeoutMillis ?? DEFAULT_TIMEOUT_MILLIS);
}

class SerialTransport implements TpmTransport {
  readonly #connection: Exchange;
  readonly #timeoutMillis: number;
  #last: Promise<unknown> = Promise.resolve();
  #ended: Error | undefined;
  /** Rejects the command under way. */
  #breakOff: ((reason: Error) => void) | undefined;

  constructor(connection: Exchange, timeoutMillis: number) {
    this.#connection = connection;
    this.#timeoutMillis = timeoutMillis;
  }

  transmit(command: Uint8Array, { signal }: TransmitOptions = {}): Promise<Uint8Array> {
    const own = Uint8Array.from(command);
    const refusal = own.length > MAX_FRAME ? `a command of ${own.length} bytes` : this.#connection.refuse?.(own);
    if (refusal !== undefined) return Promise.reject(new RangeError(refusal));
    if (signal?.aborted) return Promise.reject(reasonOf(signal));
    return new Promise((resolve, reject) => {
      const leave = () => reject(reasonOf(signal!));
      signal?.addEventListener('abort', leave);
      const mine = this.#last.then(() => {
        signal?.removeEventListener('abort', leave);
        if (signal?.aborted) throw reasonOf(signal);
        return this.#exchange(own, signal);
      });
      mine.then(resolve, reject);
      this.#last = mine.catch(() => {});
    });
  }

  close(): Promise<void> {
    return this.#end(new Error('the connection to the TPM is closed'));
  }

  async #end(reason: Error): Promise<void> {
    if (this.#ended) return;
    this.#ended = reason;
    this.#breakOff?.(reason);
    await this.#connection.close(reason);
  }

  async #exchange(command: Uint8Array, signal: AbortSignal | undefined): Promise<Uint8Array> {
    if (this.#ended) throw this.#ended;
    const broken = new Promise<never>((_, reject) => (this.#breakOff = reject));
    const tooLate = () => {
      const why = this.#connection.silence?.();
      const late = `the TPM did not answer within ${this.#timeoutMillis} ms`;
      void this.#end(new Error(why === undefined ? late : `${late}: ${why}`));
    };
    const timer = setTimeout(tooLate, this.#timeoutMillis);
    const { cancellation } = this.#connection;
    let raised: Promise<void> | undefined;
    const cancel = () => {
      if (cancellation) raised = cancellation.raise();
      // A TPM that cannot be told to leave off is left.
      else void this.#end(reasonOf(signal!));
      raised?.catch((error: Error) => this.#end(error));
    };
    signal?.addEventListener('abort', cancel);
    try {
      const answer = await Promise.race([this.#connection.exchange(command), broken]);
      signal?.removeEventListener('abort', cancel);
      if (raised) {
        // Whenever the TPM hears of it: before the next command it has heard of it.
        await Promise.race([raised, broken]);
        await Promise.race([cancellation?.lower?.(), broken]);
      }
      return answer;
    } catch (error) {
      signal?.removeEventListener('abort', cancel);
      await this.#end(error as Error);
      // Once the raising has come or failed; that it cannot be lowered adds nothing to why the command failed.
      if (cancellation?.lower) await raised?.then(cancellation.lower, cancellation.lower).catch(() => {});
      throw error;
    } finally {
      signal?.removeEventListener('abort', cancel);
      clearTimeout(timer);
      this.#breakOff = undefined;
    }
  }
}

function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error('the command was cancelled', { cause: reason });
}
