import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { toHex } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import type { Logger } from './log.ts';
import { problemOf, type RefusalFault } from './problem.ts';
import { networkOf } from './rate-limit.ts';

/** 16 random bytes in hex, as W3C Trace Context has it. Never taken from the request. */
export function newTraceId(): string {
  return toHex(nodeCrypto.random(16));
}

/** No address may hold more connections at once than its share, so that one cannot take them all. */
export function limitConnectionsPerAddress(server: HttpServer, limit: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = networkOf(socket.remoteAddress ?? '');
    const count = (open.get(address) ?? 0) + 1;
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
    if (count > limit) socket.destroy();
  });
}

/** What Node answers by itself, without our server framework, becomes a problem too, and is held against the rate limit. */
export function answerUnreadableRequests(
  server: HttpServer,
  logger: Logger,
  mayAsk: (address: string) => boolean,
): (error: Error, socket: Duplex) => void {
  const answers = new WeakMap<Duplex, ServerResponse>();
  const refused = new WeakSet<Duplex>();
  server.on('request', (request: IncomingMessage, response: ServerResponse) => answers.set(request.socket, response));
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    if (!mayAsk(request.socket.remoteAddress ?? '')) return request.socket.destroy();
    const { text, headers, status } = rawProblem(
      { code: 'malformed-request', detail: 'an unknown expectation' },
      logger,
    );
    return response.writeHead(status, headers).end(text);
  });
  return (error, socket) => {
    const code = (error as { code?: string }).code ?? '';
    const answer = answers.get(socket);
    const begun = answer?.headersSent === true && !answer.writableFinished;
    // A failed TLS handshake has no reader for an answer, and none is put into the middle of another.
    if (refused.has(socket) || !socket.writable || begun || !/^(HPE_|ERR_HTTP_)/.test(code)) {
      logger.debug({ code }, 'a connection failed');
      socket.destroy();
      return;
    }
    refused.add(socket);
    if (!mayAsk((socket as Socket).remoteAddress ?? '')) {
      socket.destroy();
      return;
    }
    const { text, headers, status } = rawProblem({ code: 'malformed-request', detail: detailOf(code) }, logger);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join('')}\r\n${text}`);
    setTimeout(() => socket.destroy(), LINGER_MILLIS).unref(); // at once would reset the connection under the answer
  };
}

const LINGER_MILLIS = 500;

function detailOf(code: string): string {
  if (code === 'HPE_HEADER_OVERFLOW') return 'the header is larger than this service takes';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'the request did not arrive in time';
  return 'the request is not well-formed HTTP';
}

function rawProblem(fault: RefusalFault, logger: Logger) {
  const problem = problemOf(fault, newTraceId());
  const text = JSON.stringify(problem);
  const { traceId, status, code } = problem;
  logger.info({ traceId, status, code, detail: fault.detail }, 'unreadable request');
  const headers = {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(text),
    'x-trace-id': traceId,
    connection: 'close',
  };
  return { text, headers, status };
}

const spkiHashes = new WeakMap<Socket, string>();

/** Of the client certificate of a TLS connection. Its chain means nothing here: the health certificate names the key. */
export function certificateSpkiHash(socket: Socket): string | undefined {
  const known = spkiHashes.get(socket);
  if (known !== undefined) return known;
  const certificate = (socket as Partial<TLSSocket>).getPeerX509Certificate?.();
  if (!certificate) return undefined;
  const hash = toHex(nodeCrypto.hash('sha256', certificate.publicKey.export({ format: 'der', type: 'spki' })));
  spkiHashes.set(socket, hash);
  return hash;
}
