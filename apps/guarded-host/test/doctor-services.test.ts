import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { signingKeyOf } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type CertificateAuthority, issueTlsServerCertificate, writeName, writePem } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { systemClock } from '@sekimori/service-kit/program';
import { createServerCa } from '@sekimori/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type HostSettings, loadHostConfig } from '../src/config.ts';
import type { CheckStatus, DoctorDeps } from '../src/doctor/check.ts';
import { clockCheck, serviceNameCheck, serviceTlsCheck } from '../src/doctor/checks/services.ts';
import { examine } from '../src/doctor/doctor.ts';
import { linuxMachine } from '../src/doctor/linux-machine.ts';
import { probeServices } from '../src/doctor/service-probe.ts';
import { aFolder } from './support/folders.ts';

const ca = await createServerCa(crypto);
const DAY = 24 * 60 * 60 * 1000;
const fromNow = (days: number) => new Date(Date.now() + days * DAY);

interface Server {
  readonly name?: string;
  readonly notAfter?: Date;
  readonly issuer?: CertificateAuthority;
  /** Seconds by which its clock is ahead. */
  readonly ahead?: number;
}

/** A service with a certificate and a clock of its own. Gives its port. */
async function aService(options: Server = {}): Promise<number> {
  const { name = 'localhost', notAfter = fromNow(400), issuer = ca, ahead = 0 } = options;
  const key = await crypto.generateKey({ type: 'ec', curve: 'P-256' });
  const certificate = await issueTlsServerCertificate(crypto, {
    notBefore: fromNow(-400),
    notAfter,
    dns: [name],
    ip: [],
    subject: writeName({ CN: 'service' }),
    publicKey: signingKeyOf(key).publicKey,
    issuer,
  });
  const server = createServer({
    key: key.export().use((bytes) => writePem('PRIVATE KEY', bytes)),
    cert: writePem('CERTIFICATE', certificate.der),
  });
  server.on('request', (_, response) => {
    response.setHeader('date', new Date(Date.now() + ahead * 1000).toUTCString());
    response.writeHead(404).end();
  });
  server.on('tlsClientError', () => {});
  server.listen(0, 'localhost');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

async function caFile(content = writePem('CERTIFICATE', ca.certificate.der)): Promise<string> {
  const file = join(await aFolder(), 'ca.pem');
  await writeFile(file, content);
  return file;
}

async function settingsFor(urls: readonly string[], file: string): Promise<HostSettings> {
  const settings = expectOk(await loadHostConfig({ env: {} }));
  return { ...settings, attestation: [{ name: 'default', urls, ca: file }] };
}

/** What name, TLS and clock are found to be. */
async function foundAt(url: string, file: string): Promise<readonly [CheckStatus, CheckStatus, CheckStatus]> {
  const settings = await settingsFor([url], file);
  const services = probeServices(settings, systemClock);
  const deps = { settings, clock: systemClock, machine: linuxMachine, services: () => services } as DoctorDeps;
  const { checks } = await examine([serviceNameCheck, serviceTlsCheck, clockCheck], deps);
  for (const { subject, status, mend } of checks) {
    expect(subject).toBe(url);
    expect(status === 'failed' || status === 'warning' ? mend : 'none').toBeTruthy();
  }
  return checks.map(({ status }) => status) as [CheckStatus, CheckStatus, CheckStatus];
}

describe('checks of a service that is there', () => {
  it.each([
    ['as it should be', {}, ['ok', 'ok', 'ok']],
    ['with a certificate for another name', { name: 'other.example' }, ['ok', 'failed', 'skipped']],
    ['with a certificate that has ended', { notAfter: fromNow(-1) }, ['ok', 'failed', 'skipped']],
    ['with a certificate that ends in days', { notAfter: fromNow(5) }, ['ok', 'warning', 'ok']],
    ['whose clock is 8 s ahead', { ahead: 8 }, ['ok', 'ok', 'warning']],
    ['whose clock is 8 s behind', { ahead: -8 }, ['ok', 'ok', 'warning']],
    ['whose clock is 40 s ahead', { ahead: 40 }, ['ok', 'ok', 'failed']],
  ])('%s', async (_, options, expected) => {
    const port = await aService(options);
    expect(await foundAt(`https://localhost:${port}`, await caFile())).toEqual(expected);
  });

  it('of another CA', async () => {
    const port = await aService({ issuer: await createServerCa(crypto) });
    expect(await foundAt(`https://localhost:${port}`, await caFile())).toEqual(['ok', 'failed', 'skipped']);
  });
});

describe('checks of a service', () => {
  it('that nothing listens for', async () => {
    expect(await foundAt('https://localhost:1', await caFile())).toEqual(['ok', 'failed', 'skipped']);
  });

  it('whose name is not found', async () => {
    expect(await foundAt('https://nobody.invalid:8443', await caFile())).toEqual(['failed', 'skipped', 'skipped']);
  });

  it('by its address need no name service', async () => {
    expect((await foundAt('https://127.0.0.1:1', await caFile()))[0]).toBe('ok');
  });

  it.each([
    ['is not there', undefined],
    ['holds no certificate', 'text'],
  ])('whose CA file %s', async (_, content) => {
    const file = content === undefined ? '/nonexistent/ca.pem' : await caFile(content);
    expect(await foundAt('https://localhost:1', file)).toEqual(['ok', 'failed', 'skipped']);
  });

  it('that does not speak TLS', async () => {
    const { createServer: createTcpServer } = await import('node:net');
    const server = createTcpServer((socket) => socket.end('SSH-2.0-x\r\n'));
    server.listen(0, 'localhost');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    expect(await foundAt(`https://localhost:${port}`, await caFile())).toEqual(['ok', 'failed', 'skipped']);
  });

  it('that are none', async () => {
    const settings = await settingsFor([], 'x');
    const deps = { settings, clock: systemClock, machine: linuxMachine, services: async () => [] } as unknown;
    const { checks } = await examine([serviceNameCheck, serviceTlsCheck, clockCheck], deps as DoctorDeps);
    expect(checks.map(({ status }) => status)).toEqual(['failed', 'skipped', 'skipped']);
  });
});
