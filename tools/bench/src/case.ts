/** One thing that is measured, beside the bare node:crypto operations that it cannot do without. */
export interface Case {
  /** One operation. Rejects or throws where it did not do what it should: a refusal is no result. */
  readonly subject: () => unknown;
  /** The operations of node:crypto in one `subject`, over KeyObjects and buffers made beforehand. */
  readonly base: () => unknown;
  /** Makes what the next `operations` subjects use up; not timed. */
  readonly prepare?: (operations: number) => Promise<void>;
  /** Subjects under way at one time, as requests of many hosts are. Default 1. */
  readonly concurrency?: number;
  readonly close?: () => Promise<void>;
}
