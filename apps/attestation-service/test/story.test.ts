import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toBase64Url } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { VerifiedHealthCertificate } from '@sekimori/health-certificate';
import { parseCertificate, writePem } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { programsMissing, dumpDatabase, showsSecret } from '@sekimori/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { crypto } from './support/authority.ts';
import { aBench } from './support/bench.ts';
import {
  capture,
  aClientKey,
  aMachine,
  attest,
  bytes,
  enrolRequest,
  evidenceFor,
  fingerprintOf,
  goodHost,
  type Host,
  openActivation,
  secretOf,
  shown,
  trustVendor,
} from './support/host.ts';
import { makeFolder, startService } from './support/service.ts';
import { activationProof } from '@sekimori/quote-verifier';

const machine = await aMachine();
const HOUR = 3_600_000;

describe('a good host, over HTTPS and SQLite', () => {
  it('from a stranger to a health certificate, its renewal, and on after a restart', async () => {
    const folder = await makeFolder();
    const service = await startService(folder);
    const { wire, clock } = service;
    await trustVendor(wire, machine);

    const body = await enrolRequest(machine);
    const enrolled = expectOk(await wire('enrolHost', { body }));
    const { id } = enrolled;
    const ekFingerprint = await fingerprintOf(machine);
    expect(enrolled).toEqual({ id, name: 'node1', state: 'pending', ekFingerprint });
    expect(await wire('enrolHost', { body })).toEqual({ ok: true, value: enrolled }); // asked again
    expect(await wire('hostStatus', { params: { id } })).toEqual({ ok: true, value: enrolled });
    const approved = expectOk(await wire('approveHost', { params: { id }, body: { ekFingerprint } }));
    expect(approved.state).toBe('approved');

    const opened = await openActivation(wire, machine, id);
    const secret = await secretOf(machine, opened);
    const proof = activationProof(crypto, [secret], id, (await machine.attestationKey()).name);
    const active = await wire('completeActivation', {
      params: { id: opened.activationId },
      body: { proof: toBase64Url(proof) },
    });
    expect(expectOk(active).state).toBe('active');

    const host: Host = { id, machine, clientKey: await aClientKey() };
    expect(await attest(wire, host)).toMatchObject({
      fault: { code: 'policy-denied', status: 403, subStatus: ['SecureBootSettings'] },
    });
    const baseline = expectOk(await capture(wire, host, 'web'));
    expect(baseline).toMatchObject({ name: 'web', state: 'active', hostId: id, capturedBy: 'administrator:alice' });
    expect(baseline.pcrs.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14]);

    const first = expectOk(await attest(wire, host));
    clock.advance(4 * HOUR);
    const renewed = expectOk(await attest(wire, host));
    expect(Date.parse(renewed.notAfter) - Date.parse(first.notAfter)).toBe(4 * HOUR);
    expect(serialOf(renewed.healthCertificate)).not.toBe(serialOf(first.healthCertificate));
    const { verdicts } = await shown(wire, host);
    expect(verdicts.map(({ code, baselineId }) => [code, baselineId])).toEqual([
      ['good', baseline.id],
      ['good', baseline.id],
      ['policy-denied', undefined],
    ]);
    expect(verdicts[0]?.traceId).toBe(renewed.traceId);

    const challenged = await evidenceFor(wire, host);
    await service.close();
    const before = dumpDatabase(folder.database);
    const again = await startService(folder, clock);
    expect(dumpDatabase(folder.database)).toBe(before);
    expectOk(await again.wire('attest', { body: challenged })); // for a challenge from before the restart
    expect(await again.wire('attest', { body: challenged })).toMatchObject({ fault: { code: 'challenge-used' } });
    expect(expectOk(await again.wire('attestationStatus'))).toMatchObject({
      hosts: { pending: 0, approved: 0, active: 1, revoked: 0 },
      activeBaselines: 1,
      insecure: ['TPM root of a software TPM: software'],
    });
    const log = [...service.log, ...again.log].join('');
    for (const unseen of [secret, new Secret(proof)]) expect(showsSecret(log, unseen)).toBe(false);
    expect(dumpDatabase(folder.database)).not.toContain(Buffer.from(proof).toString('hex')); // only its hash
    for (const file of ['attestation.sqlite', 'attestation.sqlite-wal', 'keys/attestation-signer.key'])
      expect((await stat(join(folder.folder, file))).mode & 0o077).toBe(0);
  });
  it('/healthz and /readyz, which says why it cannot decide', async () => {
    const { clock, ask } = await startService(await makeFolder());
    const get = (path: string) => ask({ method: 'GET', path, headers: {} });
    expect(await get('/healthz')).toMatchObject({ status: 200, json: { ok: true } });
    expect(await get('/readyz')).toMatchObject({ status: 200, json: { ready: true } });
    clock.advance(100 * 365 * 24 * HOUR);
    expect(await get('/readyz')).toMatchObject({ status: 503, json: { code: 'not-ready' } });
    expect(await get('/healthz')).toMatchObject({ status: 200 });
  });
});

describe('the health certificate', () => {
  it('is what relying parties verify: signer, audience, level, life, keys of this host', async () => {
    const { wire, deps, clock } = await aBench();
    const host = await goodHost(wire, machine);
    const body = await evidenceFor(wire, host);
    clock.advance(60_000);
    const reply = expectOk(await wire('attest', { body }));
    const verified = expectOk(
      VerifiedHealthCertificate.verify(crypto, bytes(reply.healthCertificate), {
        signers: [{ certificate: deps.signer.certificate }],
        at: clock.now(),
        audience: 'kps.example',
        minimumLevel: 'measured',
        isRevoked: () => false,
      }),
    );
    const { name } = await machine.attestationKey();
    const evidenceTime = new Date(clock.now().getTime() - 60_000);
    expect(verified.claims).toMatchObject({ hostId: host.id, mode: 'tpm', group: 'default', level: 'measured' });
    expect(verified.claims).toMatchObject({ akName: name, keyIsolation: 'none', evidenceTime });
    expect(verified.notAfter.getTime()).toBe(evidenceTime.getTime() + 8 * HOUR); // from the challenge on
    expect(verified.isConfirmedBy(crypto, host.clientKey)).toBe(true);
    expect(verified.isConfirmedBy(crypto, await aClientKey())).toBe(false);
    const { unique } = (await machine.healthKey()).publicArea.value;
    expect(unique).toEqual({ is: 'ecc', value: { x: verified.healthKey.x, y: verified.healthKey.y } });
    expect(await deps.store.certificateStatus(verified.serial)).toBe('good');
  });
  it.skipIf(programsMissing('openssl'))('openssl verifies it up to the server CA, strictly', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sekimori-attestation-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const { wire, deps, clock } = await aBench();
    const reply = expectOk(await attest(wire, await goodHost(wire, machine)));
    const { signers, ca } = expectOk(await wire('signers'));
    expect(signers).toEqual([reply.signer]);
    const files = { ca, signer: reply.signer, leaf: reply.healthCertificate };
    for (const [name, text] of Object.entries(files))
      await writeFile(join(folder, `${name}.pem`), writePem('CERTIFICATE', bytes(text)));
    const time = String(clock.now().getTime() / 1000);
    const trust = ['-CAfile', 'ca.pem', '-untrusted', 'signer.pem', 'leaf.pem'];
    const args = ['verify', '-x509_strict', '-purpose', 'any', '-attime', time, ...trust];
    expect(execFileSync('openssl', args, { cwd: folder, encoding: 'utf8' })).toBe('leaf.pem: OK\n');
    expect(deps.signer.ca.der).toEqual(bytes(ca));
  });
  it('never outlives its signer, and a signer that has ended issues none', async () => {
    const { wire, clock, deps } = await aBench();
    const host = await goodHost(wire, machine);
    const left = deps.signer.certificate.notAfter.getTime() - clock.now().getTime();
    clock.advance(left - HOUR);
    const body = await evidenceFor(wire, host);
    expect(expectOk(await wire('attest', { body })).notAfter).toBe(deps.signer.certificate.notAfter.toISOString());
    const late = await evidenceFor(wire, host);
    clock.advance(HOUR);
    const head = await deps.store.auditHead();
    expect(await wire('attest', { body: late })).toMatchObject({ fault: { code: 'not-ready' } });
    expect(await deps.store.auditHead()).toEqual(head);
  });
});

function serialOf(certificate: string): string {
  return expectOk(parseCertificate(bytes(certificate))).serial;
}
