import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromUtf8, utf8 } from '@sekimori/bytes';
import { createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import { Secret } from '@sekimori/crypto-core';
import { parseKeyName, softwareKeyStore } from '@sekimori/hsm';
import { writePem } from '@sekimori/pki';
import { attestationRoutes } from '@sekimori/protocol';
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
  createAttestationSigner,
  createFixedClock,
  createServerCa,
  createTlsServer,
  type FixedClock,
  showsSecret,
} from '@sekimori/testkit';
import { expect, onTestFinished } from 'vitest';
import { AttestationConfig, startAttestationService } from '../../src/index.ts';
import { crypto } from './authority.ts';
import type { Wire } from './wire.ts';

/** A folder with everything that the service's configuration names. */
export interface ServiceFolder {
  readonly folder: string;
  readonly configFile: string;
  readonly database: string;
  /** PEM, of the server CA. */
  readonly ca: string;
  readonly token: Secret;
  /** The header of the administrator. */
  readonly credentials: Readonly<Record<string, string>>;
  /** What must never be seen in a log or an answer. */
  readonly secrets: readonly Secret[];
}

const pem = (der: Uint8Array) => writePem('CERTIFICATE', der);

export async function makeFolder(config: object = {}): Promise<ServiceFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-attestation-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const inside = (name: string) => join(folder, name);
  const ca = await createServerCa(crypto);
  const keyFolder = inside('keys');
  expectOk(await privateFolder(keyFolder));
  const keys = softwareKeyStore(crypto, await fileKeyFiles(keyFolder));
  const name = expectOk(parseKeyName('attestation-signer'));
  expectOk(await keys.generate(name, { use: 'sign', type: 'ec', curve: 'P-256' }));
  const signer = await createAttestationSigner(crypto, ca, expectOk(await keys.signingKey(name)));
  const tls = await createTlsServer(crypto, ca);
  const challengeKey = new Secret(crypto.random(32));
  const { token, sha256 } = createAdminToken();
  const settings = {
    serviceId: 'hgs.example',
    audience: 'kps.example',
    listen: { port: 0 },
    tls: { key: 'tls.key', certificate: 'tls.pem' },
    database: 'attestation.sqlite',
    keys: 'keys',
    challengeKey: 'challenge.key',
    signer: { key: 'attestation-signer', certificate: 'signer.pem', ca: 'ca.pem' },
    administrators: [{ name: 'alice', sha256 }],
    ...config,
  };
  const files: Readonly<Record<string, Secret | string>> = {
    'tls.key': tls.key,
    'tls.pem': pem(tls.certificate.der),
    'challenge.key': challengeKey,
    'signer.pem': pem(signer.certificate.der),
    'ca.pem': pem(ca.certificate.der),
    'config.json': JSON.stringify(settings),
  };
  for (const [file, content] of Object.entries(files))
    expectOk(await writePrivateFile(inside(file), typeof content === 'string' ? utf8(content) : content));
  return {
    folder,
    configFile: inside('config.json'),
    database: inside('attestation.sqlite'),
    ca: pem(ca.certificate.der),
    token,
    credentials: { authorization: `Bearer ${token.use(fromUtf8)}` },
    secrets: [tls.key, challengeKey, token, await keyIn(join(keyFolder, 'attestation-signer.key'))],
  };
}

/** PKCS#8, as it stands behind two bytes of the key store. */
async function keyIn(file: string): Promise<Secret> {
  return new Secret((await readFile(file)).subarray(2));
}

interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface Service {
  readonly url: string;
  readonly clock: FixedClock;
  /** As the administrator, where a route needs one. */
  readonly wire: Wire;
  /** The log, line by line. */
  readonly log: readonly string[];
  ask(this: void, request: Pick<BadRequest, 'method' | 'path' | 'headers' | 'body'>): Promise<Answer>;
  close(this: void): Promise<void>;
}

/** The real server over the folder; whatever it logged until the test ends held no secret of the folder. */
export async function startService(
  { configFile, ca, token, secrets }: ServiceFolder,
  clock = createFixedClock(),
): Promise<Service> {
  const log: string[] = [];
  const destination = { write: (line: string) => void log.push(line) };
  const logger = createLogger({ service: 'test', level: 'debug', destination });
  const loaded = expectOk(await loadConfig(AttestationConfig, { file: configFile, env: {}, prefix: 'X_' }));
  const running = expectOk(await startAttestationService(loaded, { logger, clock, version: '0' }));
  const transport = nodeTransport({ ca });
  const client = createClient({ baseUrl: running.url, transport, token });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= running.close());
  onTestFinished(async () => {
    transport.close();
    await close();
    expect(secrets.some((secret) => showsSecret(log.join(''), secret))).toBe(false);
  });
  const call = client.call.bind(client) as unknown as (route: object, input: object) => Promise<never>;
  return {
    url: running.url,
    clock,
    wire: (name, input = {}) => call(attestationRoutes[name], input),
    log,
    async ask({ method, path, headers, body }) {
      const url = `${running.url}${path}`;
      const request = { method: method as 'GET', url, headers, ...(body && { body }), maxResponseBytes: 2 ** 20 };
      const { status, contentType, body: answer } = await transport(request);
      const text = fromUtf8(answer) ?? '';
      return {
        status,
        contentType,
        text,
        json: (contentType.includes('json') ? JSON.parse(text) : {}) as Answer['json'],
      };
    },
    close,
  };
}
