import {
  type AnyRoute,
  type BodyOf,
  healthRoutes,
  type ParamsOf,
  type QueryOf,
  type ReplyOf,
  type Role,
  ROLES,
} from '@sekimori/protocol';
import type { Result } from '@sekimori/result';
import type { RefusalFault } from './problem.ts';

export type RouteTable = Readonly<Record<string, AnyRoute>>;

/** Who asks, as far as TLS tells. */
export interface Peer<R extends Role = Role> {
  /** The address of the connection; behind a proxy it is the proxy's. */
  readonly address: string;
  /** SHA-256 over the SubjectPublicKeyInfo (DER) of the TLS client key, lower-case hex. TLS proved its possession. */
  readonly certificateSpkiHash: 'guarded-host' extends R ? string : string | undefined;
}

export interface RouteRequest<R extends AnyRoute> {
  readonly params: ParamsOf<R>;
  readonly query: QueryOf<R>;
  readonly body: BodyOf<R>;
  /** Names this request in the answer, the log and the audit log. */
  readonly traceId: string;
  readonly client: Peer<R['role']>;
  /** 'anyone', 'administrator:NAME' or 'guarded-host:SPKI-HASH'. */
  readonly actor: string;
}

/** A fault that the table of `@sekimori/protocol` does not list does not compile; at run time it answers `internal`. */
export type Handler<R extends AnyRoute> = (request: RouteRequest<R>) => Promise<Result<ReplyOf<R>, RefusalFault>>;

/** One handler for each route; the health routes answer for themselves. */
export type Handlers<T extends RouteTable> = {
  readonly [Name in keyof T as Name extends keyof typeof healthRoutes ? never : Name]: Handler<T[Name]>;
};

/** The table with the health routes. Throws for what must never be registered: no known role, no bound, an address twice. */
export function checkedRoutes(table: RouteTable, handlers: Readonly<Record<string, unknown>>): readonly AnyRoute[] {
  const routes: RouteTable = { ...table, ...healthRoutes };
  const addresses = new Set<string>();
  for (const [name, route] of Object.entries(routes)) {
    const address = `${route.method} ${route.url}`;
    if (route.operationId !== name) throw new Error(`route ${name} calls itself ${route.operationId}`);
    if (!ROLES.includes(route.role)) throw new Error(`route ${name} has no role`);
    if (route.body && !route.bodyLimit) throw new Error(`route ${name} has no bound on its body`);
    if (addresses.has(address)) throw new Error(`route ${name}: ${address} is taken`);
    if (!Object.hasOwn(healthRoutes, name) && typeof handlers[name] !== 'function')
      throw new Error(`route ${name} has no handler`);
    addresses.add(address);
  }
  return Object.values(routes);
}

/** Which methods an address knows: tells a wrong method from a wrong address. */
export function methodsByAddress(routes: readonly AnyRoute[]): (path: string) => readonly string[] {
  const patterns = routes.map(({ method, url }) => ({
    method,
    pattern: new RegExp(
      `^${url.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(/:[A-Za-z]+/g, '[^/]+')}$`,
    ),
  }));
  return (path) => [...new Set(patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))];
}
