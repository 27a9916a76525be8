import { constants } from 'node:crypto';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as HttpServer,
  ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Secret } from '@sekimori/crypto-core';
import { tlsKeyPem } from './setting-files.ts';

export interface Limits {
  readonly headerBytes: number;
  readonly headerSeconds: number;
  /** Header and body together. */
  readonly requestSeconds: number;
  /** A body may pause this long in all before it must come at the slowest rate, `bodyBytesPerSecond`. */
  readonly bodyGraceSeconds: number;
  readonly bodyBytesPerSecond: number;
  /** From the first byte of an answer until its client has read it. */
  readonly answerSeconds: number;
  readonly handshakeSeconds: number;
  /** How long an unused connection stays. */
  readonly idleSeconds: number;
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** For each address; sixteen times as much for its neighbourhood (/16, /48). An administrator's requests do not count. */
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  /**
   * All bodies in flight together, as far as they have arrived; over it, requests with a body are told to come again. One
   * address has an eighth of it. Bodies up to 16 KiB have an eighth more of their own.
   */
  readonly bodyBytes: number;
  /** What requests in flight get when the server closes. */
  readonly closeSeconds: number;
}

export const DEFAULT_LIMITS: Limits = {
  headerBytes: 16 * 1024,
  headerSeconds: 10,
  requestSeconds: 30,
  bodyGraceSeconds: 5,
  bodyBytesPerSecond: 64 * 1024,
  answerSeconds: 30,
  handshakeSeconds: 10,
  idleSeconds: 15,
  connections: 4096,
  connectionsPerAddress: 256,
  requestsPerSecond: 50,
  requestBurst: 200,
  bodyBytes: 128 * 1024 * 1024,
  closeSeconds: 10,
};

export interface TlsOptions {
  /** PKCS#8, DER or PEM. */
  readonly key: Secret;
  /** PEM, leaf first. */
  readonly cert: string;
  /** Needed by routes for guarded hosts. Any certificate passes TLS, since what counts is the key that the health certificate names. */
  readonly requestClientCertificate: boolean;
}

export type Transport = TlsOptions | { readonly insecurePlainHttp: true };

/** TLS 1.3 alone, every wait bounded. */
export function nodeServer(tls: Transport, limits: Limits): HttpServer {
  const timing = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headerSeconds * 1000,
    requestTimeout: limits.requestSeconds * 1000,
    keepAliveTimeout: limits.idleSeconds * 1000,
    connectionsCheckingInterval: 1000,
    insecureHTTPParser: false,
    requireHostHeader: false, // ours is a problem document
    ServerResponse: responseWithin(limits.answerSeconds),
  };
  const server: HttpServer =
    'insecurePlainHttp' in tls
      ? createHttpServer(timing)
      : createHttpsServer({
          ...timing,
          key: tls.key.use(tlsKeyPem),
          cert: tls.cert,
          minVersion: 'TLSv1.3',
          handshakeTimeout: limits.handshakeSeconds * 1000,
          requestCert: tls.requestClientCertificate,
          rejectUnauthorized: false,
          // No resumption: every connection proves the possession of its client key itself.
          secureOptions: constants.SSL_OP_NO_TICKET,
        });
  server.maxConnections = limits.connections;
  return server;
}

/** Of an answer that is not read in time the connection is cut. */
function responseWithin(seconds: number): typeof ServerResponse {
  return class<Request extends IncomingMessage> extends ServerResponse<Request> {
    #timer: NodeJS.Timeout | undefined;
    override writeHead(...head: unknown[]): this {
      if (!this.#timer) {
        this.#timer = setTimeout(() => this.socket?.destroy(), seconds * 1000).unref();
        this.once('close', () => clearTimeout(this.#timer));
      }
      return super.writeHead(...(head as Parameters<ServerResponse['writeHead']>));
    }
  };
}

/** The port it got; rejects with words for people. */
export async function listenOn(server: HttpServer, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: Error): void => reject(listenError(error, host, port));
    server.once('error', refuse);
    server.listen({ host, port }, () => {
      server.off('error', refuse);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

function listenError(error: Error, host: string, port: number): Error {
  const code = (error as { code?: string }).code;
  const why =
    code === 'EADDRINUSE'
      ? 'another program has this port: choose another, or stop that program'
      : code === 'EACCES'
        ? 'this port needs more rights: choose one above 1023'
        : `${error.message}: choose an address of this machine`;
  return new Error(`cannot listen on ${host} port ${port}: ${why}`, { cause: error });
}
