import type { EventEmitter } from 'node:events';
import type { AnyRoute } from '@sekimori/protocol';
import type { FastifyRequest } from 'fastify';
import type { Authenticate } from './admin-tokens.ts';
import { certificateSpkiHash } from './connections.ts';
import type { RefusalFault } from './problem.ts';

/** Who asks, or why nobody may. */
export function actorOf(route: AnyRoute, request: FastifyRequest, authenticate: Authenticate): string | RefusalFault {
  if (route.role === 'anyone') return 'anyone';
  if (route.role === 'administrator') {
    const token = /^Bearer ([A-Za-z0-9_-]{43})$/i.exec(request.headers.authorization ?? '')?.[1];
    const name = token === undefined ? undefined : authenticate(token);
    if (name !== undefined) return `administrator:${name}`;
    return { code: 'unauthorized', detail: 'this route needs the token of an administrator' };
  }
  const hash = certificateSpkiHash(request.raw.socket);
  if (hash !== undefined) return `guarded-host:${hash}`;
  return { code: 'unauthorized', detail: 'this route needs a TLS client certificate' };
}

/** What can be told from the header alone, before a byte of the body is read. */
export function refusedBody(route: AnyRoute, { headers }: FastifyRequest): RefusalFault | undefined {
  const announced = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  if (announced && !route.body) return { code: 'malformed-request', detail: 'this route takes no body' };
  if (headers['content-encoding'] !== undefined)
    return { code: 'unsupported-media-type', detail: 'this route takes no content encoding' };
  return undefined;
}

/** Bounds the memory that all bodies in flight may take together. */
export function bodyBudget(
  bytes: number,
): (route: AnyRoute, request: FastifyRequest, answer: EventEmitter) => RefusalFault | undefined {
  let claimed = 0;
  return ({ bodyLimit = 0 }, { headers }, answer) => {
    // What comes in chunks may become as long as the route allows; a longer announcement is refused unread.
    const claim = Math.min(bodyLimit, Number(headers['content-length'] ?? bodyLimit));
    if (claimed + claim > bytes) return { code: 'not-ready', detail: 'too many requests are in work' };
    claimed += claim;
    answer.once('close', () => {
      claimed -= claim;
    });
    return undefined;
  };
}
