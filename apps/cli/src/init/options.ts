import { isIP } from 'node:net';
import type { ClientFile } from '../data/client-file.ts';

export interface InitOptions {
  readonly data: string;
  readonly at: Date;
  /** Names this fabric in challenges, certificates and revocation statements. */
  readonly serviceId?: string;
  /** Where the services listen; an IP address also stands in their TLS certificates. */
  readonly host?: string;
  /** The DNS names in the TLS certificates; the first one that is not `localhost` stands in the addresses. */
  readonly dns?: readonly string[];
  /** 0: a free one at each start. */
  readonly ports?: { readonly attestation?: number; readonly keyProtection?: number };
  /** The key protection service's guardian, as tenants see it. */
  readonly guardianName?: string;
}

export type FullInitOptions = Required<InitOptions> & {
  readonly ports: { readonly attestation: number; readonly keyProtection: number };
};

export const INIT_DEFAULTS = {
  serviceId: 'hgs',
  host: '127.0.0.1',
  dns: ['localhost'],
  guardianName: 'fabric',
  ports: { attestation: 8443, keyProtection: 8444 },
} as const;

export function withDefaults(options: InitOptions): FullInitOptions {
  return { ...INIT_DEFAULTS, ...options, ports: { ...INIT_DEFAULTS.ports, ...options.ports } };
}

/** Words for people; undefined when all is well. */
export function troubleWith({ serviceId, host, dns, guardianName, ports }: FullInitOptions): string | undefined {
  const isName = (text: string) => /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text);
  if (!isName(serviceId)) return 'the service id has letters, digits, dots and hyphens; at most 253';
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(guardianName))
    return 'the guardian name has letters, digits, dots, hyphens and underscores; at most 63';
  if (isIP(host) === 0 && !isName(host)) return 'the host is no IP address and no DNS name';
  if (!dns.every((name) => isName(name) && isIP(name) === 0)) return 'a DNS name is none';
  if (dns.length === 0 && isWildcard(host)) return 'a service that listens everywhere needs a DNS name';
  const isPort = (port: number) => Number.isInteger(port) && port >= 0 && port <= 65_535;
  if (!isPort(ports.attestation) || !isPort(ports.keyProtection)) return 'a port is a number from 0 to 65535';
  if (ports.attestation === ports.keyProtection && ports.attestation !== 0) return 'the two ports are the same';
  return undefined;
}

/** 0.0.0.0 and :: mean every address, and are themselves no address to call. */
export function isWildcard(host: string): boolean {
  return isIP(host) !== 0 && /^[0:.]+$/.test(host);
}

/** Where others reach the services; with port 0 the real ones stand in run.json. */
export function addressesOf({ host, dns, ports }: FullInitOptions): Pick<ClientFile, 'attestation' | 'keyProtection'> {
  const known = dns.find((name) => name !== 'localhost');
  const name = known ?? (isWildcard(host) ? dns[0] : isIP(host) === 6 ? `[${host}]` : host);
  return {
    attestation: `https://${name}:${ports.attestation}`,
    keyProtection: `https://${name}:${ports.keyProtection}`,
  };
}
