import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { concat } from '@sekimori/bytes';
import type { Secret } from '@sekimori/crypto-core';
import { writePem } from '@sekimori/pki';
import { OutageError, type Transport, type TransportRequest, type TransportResponse } from './transport.ts';

export interface NodeTransportOptions {
  /** PEM. These CAs are trusted and no other: the system's store is not asked. */
  readonly ca: string;
  /** The TLS client key (PKCS#8, DER or PEM) and its certificate (PEM), for routes of guarded hosts. */
  readonly client?: { readonly key: Secret; readonly cert: string };
  /** From connecting to the last byte of the answer. */
  readonly timeoutSeconds?: number;
  readonly connections?: number;
  /** Allows http: addresses as well. */
  readonly insecurePlainHttp?: boolean;
}

export interface NodeTransport extends Transport {
  /** Ends the connections it kept. */
  close(): void;
}

/** HTTPS by Node: TLS 1.3, kept connections, everything bounded. Redirects are not followed, and no proxy is asked. */
export function nodeTransport(options: NodeTransportOptions): NodeTransport {
  const { timeoutSeconds = 30, connections = 16, client } = options;
  // Node takes an empty list for none at all, and would then trust the system's store.
  if (!options.ca.includes('-----BEGIN CERTIFICATE-----')) throw new RangeError('the CA is not PEM');
  const kept = { keepAlive: true, maxSockets: connections, maxFreeSockets: connections };
  const secure = new HttpsAgent({
    ...kept,
    ca: options.ca,
    minVersion: 'TLSv1.3',
    rejectUnauthorized: true, // also against NODE_TLS_REJECT_UNAUTHORIZED
    maxCachedSessions: 0,
    ...(client ? { key: client.key.use(pemOf), cert: client.cert } : {}),
  });
  const plain = new HttpAgent(kept);

  const send = async (request: TransportRequest): Promise<TransportResponse> => {
    const { protocol, origin, pathname } = new URL(request.url);
    const address = `${origin}${pathname}`;
    if (protocol !== 'https:' && !(protocol === 'http:' && options.insecurePlainHttp))
      throw new OutageError(address, 'it is not https:');
    const signal = AbortSignal.timeout(timeoutSeconds * 1000);
    try {
      return await exchange(request, { agent: protocol === 'https:' ? secure : plain, signal });
    } catch (error) {
      const why = signal.aborted ? `no answer in ${timeoutSeconds} seconds: is it overloaded?` : whyOf(error);
      throw new OutageError(address, why, error);
    }
  };
  return Object.assign(send, {
    close(): void {
      secure.destroy();
      plain.destroy();
    },
  });
}

/**
 * HTTP over a UNIX socket, a connection for each request; of the address the path alone counts. An answer may take as long as what is
 * asked for. Rejects with the system's error: its `code` tells whether anything listens.
 */
export function socketTransport(socketPath: string): Transport {
  const agent = new HttpAgent();
  return (request) => exchange(request, { agent, socketPath });
}

async function exchange(
  { method, url, headers, body, maxResponseBytes }: TransportRequest,
  way: { readonly agent: HttpAgent | HttpsAgent; readonly signal?: AbortSignal; readonly socketPath?: string },
): Promise<TransportResponse> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const start = way.agent instanceof HttpsAgent ? httpsRequest : httpRequest;
    const length = body ? { 'content-length': body.length } : {};
    const outgoing = start(url, { ...way, method, headers: { ...headers, ...length } }, resolve);
    outgoing.on('error', reject);
    outgoing.on('socket', (socket) => boundConnecting(socket, outgoing));
    outgoing.end(body);
  });
  const { 'content-type': contentType = '', 'retry-after': retryAfter } = response.headers;
  const received = await bodyOf(response, maxResponseBytes);
  const known = { status: response.statusCode ?? 0, contentType, body: received };
  return { ...known, ...(retryAfter !== undefined && { retryAfter }) };
}

/** A host that swallows packets must not hold a caller up who has others to ask. */
const CONNECT_SECONDS = 5;

function boundConnecting(socket: Socket, outgoing: ClientRequest): void {
  if (!socket.connecting) return;
  const late = () => outgoing.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' }));
  const timer = setTimeout(late, CONNECT_SECONDS * 1000);
  const end = () => clearTimeout(timer);
  socket.once('connect', end).once('close', end);
}

async function bodyOf(response: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > maxBytes) throw new Error(`its answer has more than ${maxBytes} bytes`); // leaving the loop ends the connection
    chunks.push(chunk);
  }
  return concat(...chunks);
}

function whyOf(error: unknown): string {
  const { code = '', message } = error as { code?: string; message: string };
  if (code.startsWith('ERR_SSL_')) return NO_TLS;
  return Object.hasOwn(WORDS, code) ? (WORDS[code] as string) : message;
}

const OTHER_CA = "its certificate was not issued by the CA given: compare the CA file with the service's";
const NO_TLS = 'it does not speak TLS 1.3: compare the port';
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: is the service running?',
  ECONNRESET: 'the connection was cut: see the log of the service',
  EHOSTUNREACH: 'there is no way to this host: look at network and firewall',
  ENETUNREACH: 'there is no way to this network: look at network and firewall',
  ETIMEDOUT: 'the host does not answer: look at network and firewall',
  ENOTFOUND: 'the name is not known: check its spelling and the name service',
  EAI_AGAIN: 'the name service does not answer',
  EPROTO: NO_TLS,
  CERT_HAS_EXPIRED: 'its certificate has ended: renew it on the service',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: compare the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: use the name that stands in it',
  DEPTH_ZERO_SELF_SIGNED_CERT: OTHER_CA,
  SELF_SIGNED_CERT_IN_CHAIN: OTHER_CA,
  UNABLE_TO_GET_ISSUER_CERT: OTHER_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: OTHER_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: OTHER_CA,
  CERT_SIGNATURE_FAILURE: OTHER_CA,
};

function pemOf(pkcs8: Uint8Array): string | Buffer {
  return pkcs8[0] === DER_SEQUENCE ? writePem('PRIVATE KEY', pkcs8) : Buffer.from(pkcs8);
}

const DER_SEQUENCE = 0x30;
