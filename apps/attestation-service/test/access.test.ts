import { verifyEntries } from '@sekimori/audit-log';
import { toBase64Url } from '@sekimori/bytes';
import { attestationRoutes } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { createAdminToken } from '@sekimori/service-kit';
import { goodRequest, dumpDatabase, tamperWithDatabase } from '@sekimori/testkit';
import { describe, expect, it } from 'vitest';
import { crypto } from './support/authority.ts';
import { sqliteBench } from './support/bench.ts';
import { aMachine, attest, goodHost } from './support/host.ts';
import { makeFolder, startService } from './support/service.ts';

const routes = Object.values(attestationRoutes);
const machine = await aMachine();

describe('security property 6: every route has a role, and an administrator proves it', () => {
  it('these routes, and no other, are for anyone', () => {
    const open = routes.filter(({ role }) => role !== 'administrator').map(({ method, url }) => `${method} ${url}`);
    expect(open).toEqual([
      'POST /v1/hosts',
      'GET /v1/hosts/:id/status',
      'POST /v1/hosts/:id/activations',
      'POST /v1/activations/:id',
      'POST /v1/challenges',
      'POST /v1/attestations',
      'GET /v1/signers',
      'GET /v1/revocations',
    ]);
  });
  it('without a token, or with a wrong one, an administrator route does nothing', async () => {
    const folder = await makeFolder();
    const { ask } = await startService(folder);
    const before = dumpDatabase(folder.database);
    const right = folder.credentials['authorization'] ?? '';
    const other = createAdminToken().token.use((bytes) => new TextDecoder().decode(bytes));
    const wrong = [
      undefined,
      'Bearer',
      `Bearer ${other}`,
      right.replace('Bearer', 'Basic'),
      right.slice(0, -1),
      `${right}A`,
      `${right} ${right}`,
      `Bearer ${'A'.repeat(43)}`,
    ];
    for (const route of routes.filter(({ role }) => role === 'administrator')) {
      const request = goodRequest(route);
      for (const authorization of wrong) {
        const headers = { ...request.headers, ...(authorization === undefined ? {} : { authorization }) };
        const { status, json } = await ask({ ...request, headers });
        expect([route.url, status, json['code']]).toEqual([route.url, 401, 'unauthorized']);
      }
      const path = `${request.path}${request.path.includes('?') ? '&' : '?'}token=${right.slice(7)}`;
      expect((await ask({ ...request, path })).status).toBe(401);
    }
    expect(dumpDatabase(folder.database)).toBe(before);
  });
  it('a token opens what anyone may do as well, and changes nothing there', async () => {
    const folder = await makeFolder();
    const { ask } = await startService(folder);
    for (const headers of [{}, folder.credentials])
      expect((await ask({ method: 'GET', path: '/v1/signers', headers })).status).toBe(200);
  });
  it('no route but the listed ones', async () => {
    const { ask } = await startService(await makeFolder());
    for (const path of ['/', '/v1', '/v1/', '/V1/status', '/v1//status', '/v1/status/', '/metrics', '/docs'])
      expect([path, (await ask({ method: 'GET', path, headers: {} })).json['code']]).toEqual([path, 'not-found']);
  });
});

describe('security property 15: the audit log shows alteration, truncation and rewriting', () => {
  it('every decision is in one chain, with who and under which trace id', async () => {
    const { wire, deps, clock } = await sqliteBench();
    const host = await goodHost(wire, machine);
    expectOk(await attest(wire, host));
    expectOk(await wire('revokeHost', { params: { id: host.id }, body: { reason: 'gone' } }));
    const { entries, head } = expectOk(await wire('listAudit', { query: {} }));
    expect(expectOk(verifyEntries(crypto, entries as never))).toEqual(head);
    expect(entries.map(({ kind, actor }) => `${kind} by ${actor.split(':')[0]}`)).toEqual([
      'policy.set by service',
      'tpm-root.added by administrator',
      'host.approved by administrator',
      'host.activated by anyone',
      'host.refused by host',
      'baseline.captured by administrator',
      'host.attested by host',
      'host.revoked by administrator',
    ]);
    expect(entries.slice(1).every(({ traceId }) => traceId !== undefined)).toBe(true);
    expect(entries.every(({ at }) => at === clock.now().toISOString())).toBe(true);
    const page = expectOk(await wire('listAudit', { query: { after: 3, limit: 2 } }));
    expect(page.entries.map(({ index }) => index)).toEqual([4, 5]);
    expect(page.head).toEqual(await deps.store.auditHead());
  });
  it.each([
    ['alteration', `update audit_entry set actor = 'administrator:mallory' where number = 4`, 'log-altered'],
    ['removal', 'delete from audit_entry where number = 4', 'log-gap'],
    ['truncation', 'delete from audit_entry where number > 4', 'log-truncated'],
  ])('%s behind the service', async (_, statement, code) => {
    const { wire, file } = await sqliteBench();
    await goodHost(wire, machine);
    const { head: kept } = expectOk(await wire('listAudit', { query: {} }));
    tamperWithDatabase(file, statement);
    const { entries } = expectOk(await wire('listAudit', { query: {} }));
    expect(verifyEntries(crypto, entries as never, { to: kept })).toMatchObject({ fault: { code } });
  });
});

describe('security property 12: identifiers are parsed types', () => {
  it.each(["node1'; drop table host; --", '../../etc/passwd', 'node 1', '', 'n\u0000', '\u202enode'])(
    'a host is not named %j',
    async (name) => {
      const folder = await makeFolder();
      const { ask } = await startService(folder);
      const { headers, method, path, body } = goodRequest(attestationRoutes.enrolHost);
      const good = JSON.parse(new TextDecoder().decode(body)) as object;
      const request = { method, path, headers, body: new TextEncoder().encode(JSON.stringify({ ...good, name })) };
      expect((await ask(request)).json['code']).toBe('malformed-request');
    },
  );
  it('what is free text stays text', async () => {
    const { wire, deps } = await sqliteBench();
    const vendor = `"'; drop table tpm_root; --`;
    const certificate = toBase64Url(machine.vendorCa.certificate.der);
    expectOk(await wire('addTpmRoot', { body: { certificate, vendor } }));
    expect(await deps.store.tpmRoots()).toMatchObject([{ vendor }]);
  });
});
