/** Why a TPM could not be opened, a device or a socket. The message is for people, and says what to do. */
export class TpmDeviceError extends Error {
  override readonly name = 'TpmDeviceError';
  /**
   * `missing`: nothing is there, or nobody listens. `busy`: another program holds it. `denied`: this user may not. `no-device`: it is
   * something else. `platform`: this system has no such devices.
   */
  readonly reason: 'missing' | 'busy' | 'denied' | 'no-device' | 'platform' | 'other';

  constructor(reason: TpmDeviceError['reason'], message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
