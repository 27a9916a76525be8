import { type Check, failed, good, type Outcome, skipped, warning } from '../check.ts';
import type { ServiceProbe } from '../service-probe.ts';

/** Each check says its part of what was seen of every address. */
function ofEachService(
  judge: (probe: ServiceProbe, now: Date) => Outcome,
  none: Outcome = skipped('no service is configured'),
): Check['run'] {
  return async ({ services, clock }) => {
    const probes = await services();
    if (probes.length === 0) return none;
    return probes.map((probe) => ({ ...judge(probe, clock.now()), subject: probe.url }));
  };
}

const NO_SERVICE = failed(
  'no service is configured',
  "set attestation.url and .ca, keyProtection.url and .ca; or mode 'local'",
);

export const serviceNameCheck: Check = {
  id: 'service-name',
  fabricOnly: true,
  limitMillis: 15_000,
  run: ofEachService(({ name }) => {
    if (name === 'address') return good('an address, and no name');
    if ('fault' in name)
      return failed(
        `the name is not found (${name.fault})`,
        'compare its spelling; look at the name service of this machine',
      );
    return good(name.addresses.join(', '));
  }, NO_SERVICE),
};

const DAY_MILLIS = 24 * 60 * 60 * 1000;
const SOON_DAYS = 14;

export const serviceTlsCheck: Check = {
  id: 'service-tls',
  fabricOnly: true,
  limitMillis: 15_000,
  run: ofEachService(({ caFault, tls }, now) => {
    if (caFault !== undefined) return failed(caFault, 'correct ca in the configuration');
    if (!tls) return skipped('its name is not found');
    if ('fault' in tls) return failed(tls.fault, mendFor(tls.code));
    const days = Math.floor((tls.notAfter.getTime() - now.getTime()) / DAY_MILLIS);
    const words = `TLS 1.3, a certificate of the CA given, until ${tls.notAfter.toISOString()}`;
    return days < SOON_DAYS ? warning(`${words}: ${days} days`, 'renew it on the service') : good(words);
  }),
};

function mendFor(code: string): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there: is the service running, and is the port right?';
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return 'use the name that stands in its certificate';
    case 'CERT_HAS_EXPIRED':
      return 'renew its certificate on the service';
    case 'CERT_NOT_YET_VALID':
      return "set this machine's clock";
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'look at network and firewall';
    default:
      return code.startsWith('ERR_SSL') || code === 'EPROTO'
        ? 'it does not speak TLS 1.3: compare the port'
        : "compare the CA file with the service's CA";
  }
}

/** Seconds. Services refuse to work when their clocks differ by the first; a host is told before it comes to that. */
const [TOO_FAR, FAR] = [30, 5];

export const clockCheck: Check = {
  id: 'clock',
  fabricOnly: true,
  limitMillis: 15_000,
  run: ofEachService(({ aheadMillis }) => {
    if (aheadMillis === undefined) return skipped('no trusted answer to compare with');
    const seconds = aheadMillis / 1000;
    const words = `${Math.abs(seconds).toFixed(1)} s ${seconds < 0 ? 'behind' : 'ahead'}`;
    const mend = "synchronize this machine's clock (chrony, systemd-timesyncd)";
    if (Math.abs(seconds) > TOO_FAR) return failed(words, mend);
    return Math.abs(seconds) > FAR ? warning(words, mend) : good(words);
  }),
};
