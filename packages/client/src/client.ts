import { fromUtf8, utf8 } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';
import {
  type AnyRoute,
  type BodyOf,
  type ParamsOf,
  problemSchema,
  type QueryOf,
  type ReplyOf,
} from '@sekimori/protocol';
import { type Fault, type Result, ok } from '@sekimori/result';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { OutageError, type Transport, type TransportResponse } from './transport.ts';

/** A refusal as it came over the wire; `code` is one of the listed ones or of a newer service. */
export interface CallFault extends Fault {
  /** HTTP status. */
  readonly status: number;
  /** Finds the request in the log and the audit log of the service. */
  readonly traceId: string;
  readonly subStatus?: readonly string[];
  /** How long the service asks to be left alone; a day at most. */
  readonly retryAfterSeconds?: number;
}

export type CallInput<R extends AnyRoute> = (R extends { readonly params: TSchema }
  ? { readonly params: ParamsOf<R> }
  : unknown) &
  (R extends { readonly query: TSchema } ? { readonly query?: QueryOf<R> } : unknown) &
  (R extends { readonly body: TSchema } ? { readonly body: BodyOf<R> } : unknown);

/** What a route does not need may be left out. */
export type CallArguments<R extends AnyRoute> = R extends { readonly params: TSchema } | { readonly body: TSchema }
  ? [input: CallInput<R>]
  : [input?: CallInput<R>];

export interface Client {
  /** Everything about the call follows from the route. A refusal is a fault; an outage rejects with `OutageError`. */
  call<R extends AnyRoute>(route: R, ...input: CallArguments<R>): Promise<Result<ReplyOf<R>, CallFault>>;
}

export interface ClientOptions {
  /** 'https://hgs.example:8443', without a path. */
  readonly baseUrl: string;
  readonly transport: Transport;
  /** Of an administrator, as text; sent to routes of administrators only. */
  readonly token?: Secret;
  readonly maxResponseBytes?: number;
}

const MAX_RESPONSE = 16 * 1024 * 1024 + 64 * 1024;

export function createClient(options: ClientOptions): Client {
  const { transport, token, maxResponseBytes = MAX_RESPONSE } = options;
  const base = new URL(options.baseUrl);
  if (base.pathname !== '/' || base.search !== '' || base.hash !== '' || base.username !== '')
    throw new RangeError(`the address of a service has no path, query or user: ${base.origin}`);
  return {
    async call<R extends AnyRoute>(route: R, ...[input]: CallArguments<R>) {
      const { params, query, body } = (input ?? {}) as { params?: object; query?: object; body?: unknown };
      const url = new URL(pathOf(route, params), base);
      for (const [name, value] of Object.entries(query ?? {}))
        if (value !== undefined) url.searchParams.set(name, String(value));
      const answer = await transport({
        method: route.method,
        url: url.href,
        headers: {
          accept: 'application/json, application/problem+json',
          ...(route.body ? { 'content-type': 'application/json' } : {}),
          ...(token && route.role === 'administrator' ? { authorization: `Bearer ${token.use(fromUtf8)}` } : {}),
        },
        ...(route.body ? { body: utf8(JSON.stringify(body)) } : {}),
        maxResponseBytes,
      });
      const address = `${url.origin}${url.pathname}`;
      return answer.status === 200
        ? ok(replyOf(route, answer, address))
        : { ok: false, fault: refusalOf(answer, address) };
    },
  };
}

function pathOf(route: AnyRoute, params: object | undefined): string {
  return route.url.replaceAll(/:([A-Za-z]+)/g, (_, name: string) => {
    const value: unknown = Reflect.get(params ?? {}, name);
    // What would change the path itself is refused by no encoding.
    if (typeof value !== 'string' || /^\.{0,2}$/.test(value)) throw new RangeError(`${name} is no identifier`);
    return encodeURIComponent(value);
  });
}

function replyOf<R extends AnyRoute>(route: R, answer: TransportResponse, address: string): ReplyOf<R> {
  const reply = known(route.reply, jsonOf(answer, 'application/json'));
  if (reply === undefined)
    throw new OutageError(address, 'its answer is not that of a Sekimori service of this version');
  return reply as ReplyOf<R>;
}

// RFC 9457 section 3.2: unknown members are ignored.
const problem = Type.Object(problemSchema.properties);

function refusalOf(answer: TransportResponse, address: string): CallFault {
  const refusal = known(problem, jsonOf(answer, 'application/problem+json'));
  if (refusal === undefined)
    throw new OutageError(
      address,
      `it answered with status ${answer.status}, not as a Sekimori service does: compare host and port`,
    );
  const { code, detail, traceId, subStatus } = refusal;
  const retryAfterSeconds = secondsIn(answer.retryAfter);
  return {
    code,
    detail,
    status: answer.status,
    traceId,
    ...(subStatus ? { subStatus } : {}),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}

const MAX_RETRY_AFTER = 24 * 60 * 60;

/** RFC 9110 section 10.2.3, in seconds; a date, which our services do not send, is passed over. */
function secondsIn(retryAfter: string | undefined): number | undefined {
  return retryAfter !== undefined && /^[0-9]{1,10}$/.test(retryAfter)
    ? Math.min(Number(retryAfter), MAX_RETRY_AFTER)
    : undefined;
}

/** The value as its schema knows it, without fields that a newer service may add; undefined when it does not fit. */
function known<S extends TSchema>(schema: S, value: unknown): Static<S> | undefined {
  const cleaned: unknown = Value.Clean(schema, value);
  return Value.Check(schema, cleaned) ? cleaned : undefined;
}

function jsonOf({ contentType, body }: TransportResponse, mediaType: string): unknown {
  if (contentType.split(';', 1)[0]?.trim().toLowerCase() !== mediaType) return undefined;
  try {
    return JSON.parse(fromUtf8(body) ?? '');
  } catch {
    return undefined;
  }
}
