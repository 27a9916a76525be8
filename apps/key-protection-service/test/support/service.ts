import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromUtf8, utf8 } from '@sekimori/bytes';
import { nodeTransport } from '@sekimori/client/node';
import { Secret } from '@sekimori/crypto-core';
import { parseKeyName, softwareKeyStore } from '@sekimori/hsm';
import { exportGuardian, type Guardian, issueGuardian } from '@sekimori/key-protector';
import { issueGuardianSigningCertificate, writeName, writePem } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import {
  createAdminToken,
  createLogger,
  fileKeyFiles,
  loadConfig,
  privateFolder,
  writePrivateFile,
} from '@sekimori/service-kit';
import {
  type BadRequest,
  createFixedClock,
  createTlsServer,
  type FixedClock,
  showsSecret,
  START,
  type TlsIdentity,
} from '@sekimori/testkit';
import { expect, onTestFinished } from 'vitest';
import { KeyProtectionConfig, startKeyProtectionService, UNSAFE_SETTINGS } from '../../src/index.ts';
import { AUDIENCE, aStatement, crypto, serverCa, SERVICE_ID, signer } from './parties.ts';

/** A folder with everything that the service's configuration names. */
export interface ServiceFolder {
  readonly folder: string;
  readonly configFile: string;
  readonly database: string;
  readonly guardian: Guardian;
  /** The header of the administrator. */
  readonly credentials: Readonly<Record<string, string>>;
  /** What must never be seen in a log or an answer. */
  readonly secrets: readonly Secret[];
}

const pem = (der: Uint8Array) => writePem('CERTIFICATE', der);

export async function makeFolder(config: object = {}): Promise<ServiceFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-kps-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const inside = (name: string) => join(folder, name);
  expectOk(await privateFolder(inside('keys')));
  const keys = softwareKeyStore(crypto, await fileKeyFiles(inside('keys')));
  const [signing, encryption] = [expectOk(parseKeyName('signing')), expectOk(parseKeyName('encryption'))];
  expectOk(await keys.generate(signing, { use: 'sign', type: 'ec', curve: 'P-256' }));
  expectOk(await keys.generate(encryption, { use: 'agree', type: 'ec', curve: 'P-256' }));
  const key = expectOk(await keys.signingKey(signing));
  const agreement = expectOk(await keys.agreementKey(encryption));
  const issued = await issueGuardian(crypto, { name: 'fabric', signing: key, agreement, at: START });
  const life = { notBefore: START, notAfter: new Date('2120-01-01T00:00:00Z') };
  const subject = writeName({ CN: 'communications' });
  const certificate = await issueGuardianSigningCertificate(crypto, { ...life, subject, key });
  const metadata = await exportGuardian(crypto, issued, { communications: { key, certificate } });
  const tls = await createTlsServer(crypto, serverCa);
  const { token, sha256 } = createAdminToken();
  const settings = {
    audience: AUDIENCE,
    listen: { port: 0 },
    tls: { key: 'tls.key', certificate: 'tls.pem' },
    database: 'kps.sqlite',
    keys: 'keys',
    guardian: { metadata: 'guardian.xml', signing: 'signing', encryption: 'encryption' },
    attestation: { serviceId: SERVICE_ID, signers: 'signers.pem', url: 'https://127.0.0.1:1', ca: 'ca.pem' },
    administrators: [{ name: 'alice', sha256 }],
    ...config,
  };
  const files: Readonly<Record<string, Secret | Uint8Array>> = {
    'tls.key': tls.key,
    'tls.pem': utf8(pem(tls.certificate.der)),
    'guardian.xml': metadata,
    'signers.pem': utf8(pem(signer.certificate.der)),
    'ca.pem': utf8(pem(serverCa.certificate.der)),
    'config.json': utf8(JSON.stringify(settings)),
  };
  for (const [file, content] of Object.entries(files)) expectOk(await writePrivateFile(inside(file), content));
  return {
    folder,
    configFile: inside('config.json'),
    database: inside('kps.sqlite'),
    guardian: issued.guardian,
    credentials: { authorization: `Bearer ${token.use(fromUtf8)}` },
    secrets: [tls.key, token, ...(await keysIn(inside('keys')))],
  };
}

/** PKCS#8, as it stands behind two bytes of the key store. */
async function keysIn(folder: string): Promise<readonly Secret[]> {
  const files = (await readdir(folder)).map((name) => readFile(join(folder, name)));
  return (await Promise.all(files)).map((blob) => new Secret(blob.subarray(2)));
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface Service {
  readonly url: string;
  readonly clock: FixedClock;
  /** The log, line by line. */
  readonly log: readonly string[];
  ask(
    this: void,
    request: Pick<BadRequest, 'method' | 'path' | 'headers' | 'body'>,
    client?: TlsIdentity,
  ): Promise<Answer>;
  close(this: void): Promise<void>;
}

export async function configOf({ configFile: file }: Pick<ServiceFolder, 'configFile'>) {
  const source = { file, env: {}, prefix: 'X_', unsafe: UNSAFE_SETTINGS };
  return expectOk(await loadConfig(KeyProtectionConfig, source));
}

/** The real server over the folder, after its first question for revocations (`null`: to the configured address); whatever it logged until the test ends held no secret of the folder. */
export async function startService(
  { configFile, secrets }: ServiceFolder,
  statement: (() => Promise<string>) | null = () => aStatement(),
): Promise<Service> {
  const log: string[] = [];
  const destination = { write: (line: string) => void log.push(line) };
  const logger = createLogger({ service: 'test', level: 'debug', destination });
  const loaded = await configOf({ configFile });
  const clock = createFixedClock();
  const environment = { logger, clock, version: '0', ...(statement && { fetchStatement: statement }) };
  const running = expectOk(await startKeyProtectionService(loaded, environment));
  const transports = new Map<TlsIdentity | undefined, ReturnType<typeof nodeTransport>>();
  const transportOf = (client?: TlsIdentity) => {
    const known = transports.get(client);
    if (known) return known;
    const identity = client && { key: client.key, cert: pem(client.certificate.der) };
    const made = nodeTransport({ ca: pem(serverCa.certificate.der), ...(identity && { client: identity }) });
    transports.set(client, made);
    return made;
  };
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= running.close());
  onTestFinished(async () => {
    for (const transport of transports.values()) transport.close();
    await close();
    expect(secrets.some((secret) => showsSecret(log.join(''), secret))).toBe(false);
  });
  const ask: Service['ask'] = async ({ method, path, headers, body }, client) => {
    const url = `${running.url}${path}`;
    const request = { method: method as 'GET', url, headers, ...(body && { body }), maxResponseBytes: 2 ** 20 };
    const { status, contentType, body: answer } = await transportOf(client)(request);
    const json = (contentType.includes('json') ? JSON.parse(fromUtf8(answer) ?? '') : {}) as Answer['json'];
    return { status, contentType, json };
  };
  const hasAsked = async () =>
    log.some((line) => line.includes('revocation statement was refused')) ||
    (await ask({ method: 'GET', path: '/readyz', headers: {} })).status === 200;
  while (!(await hasAsked())) await sleep(5);
  return { url: running.url, clock, log, ask, close };
}
