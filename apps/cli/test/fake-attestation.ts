import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attestationRoutes, type HostDetail, type HostStatus } from '@sekimori/protocol';
import { expectOk, fail, ok } from '@sekimori/result';
import { adminTokens, createServer, readPrivateFile } from '@sekimori/service-kit';
import { afterAll } from 'vitest';
import { anInitialisedFolder, silent } from './support.ts';

const { listHosts, showHost, approveHost, revokeHost, removeHost, listBaselines, captureBaseline, retireBaseline } =
  attestationRoutes;

export const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
const EK = 'ab'.repeat(32);
const time = '2026-11-22T12:00:00.000Z';
const until = '2026-11-22T20:00:00.000Z';

/** A data folder whose attestation service has these hosts, and writes down what it is asked to do. */
export async function aFolderWithHosts(count: number, others: readonly HostStatus[] = []) {
  const data = await anInitialisedFolder();
  const asked: unknown[] = [];
  const hosts: HostStatus[] = Array.from({ length: count }, (_, n) => ({
    id: uuid(n),
    name: `node${String(n).padStart(5, '0')}`,
    state: n % 2 === 0 ? 'pending' : 'active',
    ekFingerprint: EK,
  }));
  hosts.push(...others);
  const baseline = {
    id: uuid(9),
    name: 'debian',
    state: 'active' as const,
    hostId: uuid(1),
    capturedAt: time,
    capturedBy: 'administrator:admin',
    pcrs: [{ index: 0, value: EK }],
  };
  const hostOf = (id: string) => hosts.find((host) => host.id === id);
  const config = JSON.parse(readFileSync(join(data, 'attestation', 'config.json'), 'utf8'));
  const server = createServer({
    routes: {
      listHosts,
      showHost,
      approveHost,
      revokeHost,
      removeHost,
      listBaselines,
      captureBaseline,
      retireBaseline,
    },
    handlers: {
      listHosts: async ({ query }) => {
        const rest = hosts.filter(({ id }) => query.after === undefined || id > query.after);
        return ok({ hosts: rest.slice(0, query.limit ?? 100) });
      },
      showHost: async ({ params }) => {
        const host = hostOf(params.id);
        return host ? ok(detailOf(host)) : fail('unknown-host', 'no host has this identifier');
      },
      approveHost: async ({ params, body }) => {
        asked.push({ approve: params.id, ...body });
        if (body.ekFingerprint !== hostOf(params.id)?.ekFingerprint)
          return fail('fingerprint-mismatch', 'the fingerprint given is not that of the host');
        return ok({ ...hostOf(params.id)!, state: 'approved' as const });
      },
      revokeHost: async ({ params, body }) => {
        asked.push({ revoke: params.id, ...body });
        return ok({ ...hostOf(params.id)!, state: 'revoked' as const });
      },
      removeHost: async ({ params }) => {
        asked.push({ remove: params.id });
        return ok({ ...hostOf(params.id)!, state: 'revoked' as const });
      },
      listBaselines: async () => ok({ baselines: [{ ...baseline, id: uuid(8), state: 'retired' as const }, baseline] }),
      captureBaseline: async ({ body }) => {
        asked.push({ capture: body });
        const { name, hostId } = body;
        return ok({ ...baseline, name, hostId });
      },
      retireBaseline: async ({ params, body }) => {
        asked.push({ retire: params.id, ...body });
        const denied = body.applyNow ? { denyIssuedBefore: time } : {};
        return ok({ ...baseline, state: 'retired' as const, certificatesUntil: until, ...denied });
      },
    },
    authenticate: adminTokens(config.administrators),
    tls: {
      key: expectOk(await readPrivateFile(join(data, 'attestation', 'tls.key'))),
      cert: readFileSync(join(data, 'attestation', 'tls.pem'), 'utf8'),
      requestClientCertificate: false,
    },
    logger: silent,
    ready: () => undefined,
    version: '0.0.0',
  });
  const { url } = await server.listen({ host: '127.0.0.1', port: 0 });
  afterAll(() => server.close());
  const run = { pid: process.pid, attestation: url, keyProtection: url };
  writeFileSync(join(data, 'run.json'), JSON.stringify(run), { mode: 0o600 });
  return { data, asked, ek: EK };
}

/** Refused, by a machine that puts control characters into what it says. */
function detailOf(host: HostStatus): HostDetail {
  return {
    ...host,
    properties: { manufacturer: 'id:4D5346', firmware: '\u001b[2J\u202e1.2' },
    endorsementKeys: [
      {
        spkiHash: EK,
        manufacturer: '49424d20',
        vendor: 'IBM software TPM',
        model: 'SW',
        trustedBy: 'CN=root',
        findings: ['the certificate ended at 2020-01-01T00:00:00.000Z'],
      },
    ],
    enrolledAt: time,
    verdicts: [
      {
        at: time,
        traceId: 'trace-1',
        good: false,
        code: 'policy-denied',
        subStatus: ['FullBoot'],
        findings: [
          {
            rule: 'matches-baseline',
            effect: 'refuse',
            subStatus: 'FullBoot',
            detail: 'PCR 11 differs',
            expected: 'aa',
            actual: 'bb',
            event: {
              index: 30,
              actual: { index: 30, pcr: 11, type: 'EV_IPL', digest: 'bb', description: 'content of .cmdline' },
            },
          },
        ],
        policyVersion: 1,
        policyDigest: EK,
        logDigest: EK,
        pcrs: [{ index: 11, value: EK }],
        ima: { entries: 11, violations: 2, digest: EK, extended: 'padded-sha1' },
      },
    ],
  };
}
