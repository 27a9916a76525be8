/** One way to reach a service. The client core has no other, so it runs in a browser as well. */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>;

export interface TransportRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** A longer answer is cut off and rejects. */
  readonly maxResponseBytes: number;
}

export interface TransportResponse {
  readonly status: number;
  /** '' where there is none. */
  readonly contentType: string;
  /** As the header has it. */
  readonly retryAfter?: string;
  readonly body: Uint8Array;
}

/** Not a refusal: the service was not reached, or what answered is none of ours. The message is for people. */
export class OutageError extends Error {
  readonly url: string;
  constructor(url: string, why: string, cause?: unknown) {
    super(`cannot use ${url}: ${why}`, { cause });
    this.name = 'OutageError';
    this.url = url;
  }
}
