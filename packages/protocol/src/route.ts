import type { Static, TSchema } from 'typebox';

/** Who may call a route. A route without a role does not exist. */
export const ROLES = ['anyone', 'administrator', 'guarded-host'] as const;
export type Role = (typeof ROLES)[number];

export interface AnyRoute {
  readonly operationId: string;
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly role: Role;
  readonly summary: string;
  /** Bytes; larger bodies are refused before they are parsed. */
  readonly bodyLimit?: number;
  readonly params?: TSchema;
  readonly query?: TSchema;
  readonly body?: TSchema;
  readonly reply: TSchema;
}

type StaticOr<S, Otherwise> = S extends TSchema ? Static<S> : Otherwise;
export type ParamsOf<R extends AnyRoute> = StaticOr<R['params'], undefined>;
export type QueryOf<R extends AnyRoute> = StaticOr<R['query'], undefined>;
export type BodyOf<R extends AnyRoute> = StaticOr<R['body'], undefined>;
export type ReplyOf<R extends AnyRoute> = Static<R['reply']>;

/** Keeps the literal types, so that server and client derive theirs from one definition. */
export function route<const R extends AnyRoute>(definition: R): R {
  return definition;
}
