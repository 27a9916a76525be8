/**
 * A way to a TPM. One command at a time: a transport queues what comes at once. `transmit` rejects when the TPM cannot be
 * reached, does not answer in time or answers more than 4096 bytes; after a rejection in the middle of an answer the
 * transport is closed and rejects all that follows.
 */
export interface TpmTransport {
  transmit(command: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}
