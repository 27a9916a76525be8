import { type Struct, struct } from '@sekimori/codec';

/** The layout of one command and its response. Part 3; the number of authorized handles is the number of '@' there. */
export interface Command<
  Handle extends string = string,
  Request = unknown,
  Response = unknown,
  Returns extends boolean = boolean,
> {
  /** TPM_CC. */
  readonly code: number;
  /** In wire order; the first `authorized` of them each need an authorization. */
  readonly handles: readonly Handle[];
  readonly authorized: number;
  readonly request: Struct<Request>;
  /** Whether a handle stands before the response's parameters. */
  readonly returnsHandle: Returns;
  readonly response: Struct<Response>;
}

const EMPTY: Struct<object> = struct('no parameters');

export function command<
  const Handle extends string = never,
  Request = object,
  Response = object,
  const Returns extends boolean = false,
>(
  code: number,
  layout: {
    readonly handles?: readonly Handle[];
    readonly authorized?: number;
    readonly request?: Struct<Request>;
    readonly returnsHandle?: Returns;
    readonly response?: Struct<Response>;
  },
): Command<Handle, Request, Response, Returns> {
  return {
    code,
    handles: layout.handles ?? [],
    authorized: layout.authorized ?? 0,
    request: layout.request ?? (EMPTY as Struct<unknown> as Struct<Request>),
    returnsHandle: layout.returnsHandle ?? (false as Returns),
    response: layout.response ?? (EMPTY as Struct<unknown> as Struct<Response>),
  };
}
