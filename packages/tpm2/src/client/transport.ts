/** How one command is sent. */
export interface TransmitOptions {
  /**
   * Gives up this command. One that still waits for others is never sent: it rejects with the signal's reason and the transport
   * goes on. One that the TPM is at is cancelled where the channel can do that, and then answered, by TPM_RC_CANCELED or as
   * if nothing had been asked; the transport goes on. Where the channel cannot, the command rejects and the transport is
   * closed.
   */
  readonly signal?: AbortSignal;
}

/**
 * A way to a TPM. One command at a time: a transport queues what comes at once. `transmit` rejects when the TPM cannot be
 * reached, does not answer in time or answers more than 4096 bytes; after a rejection in the middle of an answer the
 * transport is closed and rejects all that follows.
 */
export interface TpmTransport {
  transmit(command: Uint8Array, options?: TransmitOptions): Promise<Uint8Array>;
  close(): Promise<void>;
}
