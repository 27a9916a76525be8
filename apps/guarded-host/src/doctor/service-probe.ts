import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { isIP } from 'node:net';
import { connect, type PeerCertificate } from 'node:tls';
import type { Clock } from '@sekimori/service-kit/program';
import type { HostSettings } from '../config.ts';

/** What was seen of one address in the settings. */
export interface ServiceProbe {
  readonly url: string;
  /** The CA file could not be read, and why; nothing else was tried then. */
  readonly caFault?: string;
  /** Addresses of its name, or why there are none. An address needs no name service. */
  readonly name: { readonly addresses: readonly string[] } | { readonly fault: string } | 'address';
  readonly tls?: { readonly notAfter: Date } | { readonly fault: string; readonly code: string };
  /** How far this machine's clock is ahead, in milliseconds; of a service that is trusted alone. */
  readonly aheadMillis?: number;
}

const TIMEOUT_MILLIS = 5000;

/** Every address once, side by side. */
export function probeServices(settings: HostSettings, clock: Clock): Promise<readonly ServiceProbe[]> {
  const services = [...settings.attestation, ...settings.keyProtection];
  const files = new Map(services.flatMap(({ urls, ca }) => urls.map((url) => [url, ca] as const)));
  return Promise.all([...files].map(([url, ca]) => probe(url, ca, clock)));
}

async function probe(url: string, caFile: string, clock: Clock): Promise<ServiceProbe> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const name = await resolved(host);
  let ca: string;
  try {
    ca = await readFile(caFile, 'utf8');
  } catch (error) {
    return { url, name, caFault: (error as Error).message };
  }
  if (!ca.includes('-----BEGIN CERTIFICATE-----'))
    return { url, name, caFault: `${caFile} holds no certificate (PEM)` };
  if (name !== 'address' && 'fault' in name) return { url, name };
  const tls = await handshake(host, port === '' ? 443 : Number(port), ca);
  if ('fault' in tls) return { url, name, tls };
  const aheadMillis = await clockAhead(url, ca, clock);
  return { url, name, tls, ...(aheadMillis !== undefined && { aheadMillis }) };
}

async function resolved(host: string): Promise<ServiceProbe['name']> {
  if (isIP(host) !== 0) return 'address';
  try {
    return { addresses: (await lookup(host, { all: true })).map(({ address }) => address) };
  } catch (error) {
    return { fault: (error as NodeJS.ErrnoException).code ?? (error as Error).message };
  }
}

/** As the programs of this host connect: TLS 1.3, this CA and no other, the name in the address. */
function handshake(host: string, port: number, ca: string): Promise<NonNullable<ServiceProbe['tls']>> {
  return new Promise((resolve) => {
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket = connect({ host, port, ca, minVersion: 'TLSv1.3', timeout: TIMEOUT_MILLIS, ...servername });
    const end = (outcome: NonNullable<ServiceProbe['tls']>) => {
      socket.destroy();
      resolve(outcome);
    };
    socket.once('secureConnect', () => {
      const { valid_to: validTo } = socket.getPeerCertificate() as Partial<PeerCertificate>;
      end({ notAfter: new Date(validTo ?? Number.NaN) });
    });
    socket.once('timeout', () => end({ code: 'ETIMEDOUT', fault: `no answer in ${TIMEOUT_MILLIS / 1000} s` }));
    socket.once('error', (error: NodeJS.ErrnoException) => end({ code: error.code ?? '', fault: error.message }));
  });
}

/** By the Date of an answer, which has whole seconds: half a second and half the way there and back are taken off. */
function clockAhead(url: string, ca: string, clock: Clock): Promise<number | undefined> {
  return new Promise((resolve) => {
    const sent = clock.now().getTime();
    const outgoing = request(url, { ca, minVersion: 'TLSv1.3', method: 'HEAD', timeout: TIMEOUT_MILLIS, agent: false });
    outgoing.once('response', ({ headers }) => {
      const received = clock.now().getTime();
      outgoing.destroy();
      const theirs = Date.parse(headers.date ?? '') + 500;
      resolve(Number.isNaN(theirs) ? undefined : (sent + received) / 2 - theirs);
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('timeout')));
    outgoing.once('error', () => resolve(undefined));
    outgoing.end();
  });
}
