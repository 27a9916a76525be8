import type { AnyRoute } from '@sekimori/protocol';
import type { FastifyRequest } from 'fastify';
import type { Authenticate } from './admin-tokens.ts';
import { TOO_LARGE } from './body.ts';
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
  if ((announcedLength(headers) ?? 0) > (route.bodyLimit ?? 0)) return TOO_LARGE;
  if (headers['content-encoding'] !== undefined)
    return { code: 'unsupported-media-type', detail: 'this route takes no content encoding' };
  return undefined;
}

/** Of the body, by its header; undefined where it comes in chunks. Node has checked that it is a number. */
export function announcedLength(headers: FastifyRequest['headers']): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}
