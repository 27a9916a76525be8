import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyEntries } from '@sekimori/audit-log';
import { utf8 } from '@sekimori/bytes';
import { parseGuardianMetadata } from '@sekimori/key-protector';
import { writePem } from '@sekimori/pki';
import { attestationRoutes, keyProtectionRoutes, type ReleaseReply } from '@sekimori/protocol';
import { expectOk, ok } from '@sekimori/result';
import { createAdminToken, createLogger, createServer, systemClock } from '@sekimori/service-kit';
import {
  createServerCa,
  createTlsClient,
  createTlsServer,
  dumpDatabase,
  goodRequest,
  showsSecret,
  type TlsIdentity,
} from '@sekimori/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { bytes, opened, requestOf } from './support/bench.ts';
import { aHost, aProtector, aStatement, crypto, type Host, HOST_ID, serverCa } from './support/parties.ts';
import { startKeyProtectionService } from '../src/index.ts';
import { configOf, makeFolder, type Service, type ServiceFolder, startService } from './support/service.ts';

const host = await aHost();
const get = (path: string, headers = {}) => ({ method: 'GET', path, headers });

function releaseOver(service: Service, from: Host, protector: Uint8Array, client?: TlsIdentity) {
  const body = utf8(JSON.stringify(requestOf(protector, from.certificate.der)));
  const headers = { 'content-type': 'application/json' };
  return service.ask({ method: 'POST', path: '/v1/releases', headers, body }, client);
}

describe('the key protection service over HTTPS and SQLite', () => {
  it('releases to the host whose TLS key its certificate names, and keeps the record over a restart', async () => {
    const folder = await makeFolder();
    const service = await startService(folder);
    const { protector, transportKey } = await aProtector(folder.guardian);
    const answer = await releaseOver(service, host, protector, host.tls);
    expect(answer.status).toBe(200);
    const keys = await opened(host, protector, answer.json as unknown as ReleaseReply);
    expect(keys.ingress.use((a) => transportKey.use((b) => [...a].join() === [...b].join()))).toBe(true);

    const { json } = await service.ask(get('/v1/releases', folder.credentials));
    expect(json['releases']).toMatchObject([
      { hostId: HOST_ID, certificateSerial: host.certificate.serial, sequence: 1 },
    ]);
    const before = dumpDatabase(folder.database);
    for (const secret of [keys.ingress, keys.egress]) {
      expect(showsSecret(service.log.join(''), secret)).toBe(false);
      expect(showsSecret(before, secret)).toBe(false);
    }
    await service.close();
    const again = await startService(folder);
    expect((await again.ask(get('/v1/releases', folder.credentials))).json['releases']).toEqual(json['releases']);
    expect((await releaseOver(again, host, protector, host.tls)).status).toBe(200); // asked again
    for (const file of ['kps.sqlite', 'kps.sqlite-wal', 'keys/encryption.key'])
      expect((await stat(join(folder.folder, file))).mode & 0o077).toBe(0);
  });
  it('without a TLS client certificate there is no release, nor with that of another', async () => {
    const folder = await makeFolder();
    const service = await startService(folder);
    const { protector } = await aProtector(folder.guardian);
    const before = dumpDatabase(folder.database);
    const body = utf8(JSON.stringify(requestOf(protector, host.certificate.der)));
    const headers = { 'content-type': 'application/json', ...folder.credentials };
    const asAdministrator = await service.ask({ method: 'POST', path: '/v1/releases', headers, body });
    for (const answer of [await releaseOver(service, host, protector), asAdministrator])
      expect(answer).toMatchObject({ status: 401, json: { code: 'unauthorized' } });
    expect(dumpDatabase(folder.database)).toBe(before);
    const other = await createTlsClient(crypto);
    expect(await releaseOver(service, host, protector, other)).toMatchObject({
      status: 403,
      json: { code: 'client-key-mismatch', subStatus: ['release-client-key'] },
    });
  });
  it('anybody can make a TLS certificate and rubbish: it leaves no trace but in the log', async () => {
    const folder = await makeFolder();
    const service = await startService(folder);
    const { protector } = await aProtector(folder.guardian);
    const before = dumpDatabase(folder.database);
    const rubbish = { ...host, certificate: { ...host.certificate, der: new Uint8Array(500) } };
    const answer = await releaseOver(service, rubbish, protector, await createTlsClient(crypto));
    expect(answer).toMatchObject({ status: 403, json: { code: 'health-certificate-refused' } });
    expect(dumpDatabase(folder.database)).toBe(before);
    expect(service.log.join('')).toContain(String(answer.json['traceId']));
  });
  it('publishes its guardian, and tells administrators its state', async () => {
    const folder = await makeFolder();
    const service = await startService(folder, () => aStatement({ number: 42 }));
    const published = await service.ask(get('/v1/guardian'));
    const metadata = expectOk(parseGuardianMetadata(crypto, bytes(String(published.json['metadata']))));
    expect(metadata.guardian.fingerprint).toBe(folder.guardian.fingerprint);
    expect(published.json).toMatchObject({ name: 'fabric', fingerprint: folder.guardian.fingerprint });
    service.clock.advance(3000);
    const status = await service.ask(get('/v1/status', folder.credentials));
    expect(status.json).toMatchObject({
      service: 'key-protection',
      audience: 'kps.example',
      minimumLevel: 'measured',
      signers: 1,
      revocations: { number: 42, ageSeconds: 3 },
      releases: 0,
      insecure: [],
    });
    const { json } = await service.ask(get('/v1/audit', folder.credentials));
    expect(expectOk(verifyEntries(crypto, json['entries'] as never))).toEqual(json['head']);
  });
  it('/healthz, and /readyz, which needs a fresh revocation statement', async () => {
    const service = await startService(await makeFolder());
    expect(await service.ask(get('/healthz'))).toMatchObject({ status: 200, json: { ok: true } });
    expect(await service.ask(get('/readyz'))).toMatchObject({ status: 200, json: { ready: true } });
    service.clock.advance(31_000);
    expect(await service.ask(get('/readyz'))).toMatchObject({ status: 503, json: { code: 'not-ready' } });
    expect(await service.ask(get('/healthz'))).toMatchObject({ status: 200 });
  });
  it('a statement that fails is logged, and nothing is released', async () => {
    const folder = await makeFolder();
    const service = await startService(folder, async () => 'rubbish');
    const { protector } = await aProtector(folder.guardian);
    expect(await releaseOver(service, host, protector, host.tls)).toMatchObject({ status: 503 });
    expect(service.log.join('')).toContain('a revocation statement was refused');
    const status = await service.ask(get('/v1/status', folder.credentials));
    expect(status.json['revocations']).toEqual({ number: 0, ageSeconds: -1 });
  });
});

describe('every route has a role', () => {
  const routes = Object.values(keyProtectionRoutes);
  it('these are for anyone or for guarded hosts, and no other', () => {
    const open = routes.filter(({ role }) => role !== 'administrator');
    expect(open.map(({ method, url, role }) => `${method} ${url} ${role}`)).toEqual([
      'GET /v1/guardian anyone',
      'POST /v1/releases guarded-host',
    ]);
  });
  it('an administrator route takes no TLS key, no other token and no missing one', async () => {
    const folder = await makeFolder();
    const { ask } = await startService(folder);
    const other = createAdminToken().token.use((text) => new TextDecoder().decode(text));
    for (const route of routes.filter(({ role }) => role === 'administrator'))
      for (const headers of [{}, { authorization: `Bearer ${other}` }, { authorization: 'Bearer' }])
        for (const client of [undefined, host.tls])
          expect([route.url, await ask({ ...goodRequest(route), headers }, client)]).toMatchObject([
            route.url,
            { status: 401, json: { code: 'unauthorized' } },
          ]);
  });
});

describe('the feed of an attestation service elsewhere', () => {
  it('is fetched over TLS under the configured CA', async () => {
    const feed = await aFeed(createTlsServer(crypto, serverCa));
    const folder = await makeFolder();
    const service = await startService(await withFeed(folder, feed), null);
    const status = await service.ask(get('/v1/status', folder.credentials));
    expect(status.json['revocations']).toMatchObject({ number: 9 });
  });
  it('is not believed under another CA', async () => {
    const stranger = await aFeed(createServerCa(crypto).then((ca) => createTlsServer(crypto, ca)));
    const folder = await withFeed(await makeFolder(), stranger);
    const log: string[] = [];
    const logger = createLogger({ service: 'test', destination: { write: (line) => void log.push(line) } });
    const running = expectOk(
      await startKeyProtectionService(await configOf(folder), { logger, clock: systemClock, version: '0' }),
    );
    onTestFinished(() => running.close());
    while (!log.some((line) => line.includes('a background task failed'))) await sleep(5);
    expect(log.join('')).toContain('was not issued by the CA given');
  });
  it('that does not answer does not hold up the end', async () => {
    const silent = createTcpServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const folder = await withFeed(await makeFolder(), `https://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    const logger = createLogger({ service: 'test', level: 'silent' });
    const running = expectOk(
      await startKeyProtectionService(await configOf(folder), { logger, clock: systemClock, version: '0' }),
    );
    await once(silent, 'connection');
    const late = sleep(3000, 'late', { ref: false });
    expect(await Promise.race([running.close(), late])).toBeUndefined();
  });
});

async function aFeed(made: Promise<TlsIdentity>): Promise<string> {
  const tls = await made;
  const feed = createServer({
    routes: { revocations: attestationRoutes.revocations },
    handlers: { revocations: async () => ok({ statement: await aStatement({ number: 9 }) }) },
    authenticate: () => undefined,
    tls: { key: tls.key, cert: writePem('CERTIFICATE', tls.certificate.der), requestClientCertificate: false },
    logger: createLogger({ service: 'feed', level: 'silent' }),
    ready: () => undefined,
    version: '0',
  });
  onTestFinished(() => feed.close());
  return (await feed.listen({ host: '127.0.0.1', port: 0 })).url;
}

async function withFeed(folder: ServiceFolder, url: string): Promise<ServiceFolder> {
  const config = JSON.parse(await readFile(folder.configFile, 'utf8')) as { readonly attestation: object };
  await writeFile(folder.configFile, JSON.stringify({ ...config, attestation: { ...config.attestation, url } }));
  return folder;
}
