import { createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import type { PublicKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { parseKeyName, softwareKeyStore } from '@sekimori/hsm';
import { GuardianCache, GuardianKeys, parseGuardianMetadata } from '@sekimori/key-protector';
import { type Certificate, writePem } from '@sekimori/pki';
import { attestationRoutes, keyProtectionRoutes } from '@sekimori/protocol';
import { describeFault, ok, type Result } from '@sekimori/result';
import {
  adminTokens,
  type Clock,
  createServer,
  every,
  type LoadedConfig,
  type Logger,
  openKeyFiles,
  readCertificateFile,
  readSettingFile,
  readTlsFiles,
  settingRefused,
  type StartFault,
} from '@sekimori/service-kit';
import { openKeyProtectionStore } from '@sekimori/store-sql';
import type { KeyProtectionConfig } from './config.ts';
import type { KeyProtectionDeps } from './deps.ts';
import { keyProtectionHandlers } from './handlers.ts';
import { Revocations } from './revocations.ts';

/** How often the revocation statement is fetched: a revocation works this much later, at the latest. */
const REFRESH_SECONDS = 5;

export interface RunningKeyProtection {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/**
 * Opens what the configuration names and listens. `fetchStatement` takes the place of the configured address where the
 * attestation service runs in the same process.
 */
export async function startKeyProtectionService(
  { config, insecure }: LoadedConfig<KeyProtectionConfig>,
  environment: {
    readonly logger: Logger;
    readonly clock: Clock;
    readonly version: string;
    readonly fetchStatement?: () => Promise<string>;
  },
): Promise<Result<RunningKeyProtection, StartFault>> {
  const { logger, clock, version } = environment;
  const tls = await readTlsFiles(config.tls);
  if (!tls.ok) return tls;
  const guardian = await openGuardian(config);
  if (!guardian.ok) return guardian;
  const signers = await readCertificateFile('attestation.signers', config.attestation.signers);
  if (!signers.ok) return signers;
  const signerKeys = publicKeysOf(signers.value);
  if (!signerKeys.ok) return settingRefused('attestation.signers', signerKeys.fault);
  const source = environment.fetchStatement ? ok(inProcess(environment.fetchStatement)) : await remote(config);
  if (!source.ok) return source;
  const opened = await openKeyProtectionStore({ file: config.database, crypto });
  if (!opened.ok) return settingRefused('database', opened.fault);
  const store = opened.value;
  const revocations = new Revocations({
    crypto,
    clock,
    logger,
    store,
    issuer: config.attestation.serviceId,
    signers: signerKeys.value,
    fetchStatement: source.value.fetch,
  });
  const deps: KeyProtectionDeps = {
    crypto,
    store,
    clock,
    guardians: [guardian.value.keys],
    cache: new GuardianCache(),
    metadata: guardian.value.metadata,
    signers: signers.value,
    revocations,
    settings: { audience: config.audience, minimumLevel: config.minimumLevel, version, insecure },
  };
  const server = createServer({
    routes: keyProtectionRoutes,
    handlers: keyProtectionHandlers(deps, clock.now()),
    authenticate: adminTokens(config.administrators),
    tls: { ...tls.value, requestClientCertificate: true },
    logger,
    ready: () => {
      const lists = revocations.current();
      return lists.ok ? undefined : lists.fault;
    },
    version,
  });
  const refresh = every(REFRESH_SECONDS, () => revocations.refresh(), { name: 'refresh revocations', logger });
  const close = async (): Promise<void> => {
    await server.close();
    source.value.close(); // ends a request that is under way
    await refresh.stop();
    await store.close();
  };
  try {
    const { url } = await server.listen(config.listen);
    return ok({ url, close });
  } catch (error) {
    await close();
    throw error;
  }
}

async function openGuardian(
  config: KeyProtectionConfig,
): Promise<Result<{ readonly keys: GuardianKeys; readonly metadata: Uint8Array }, StartFault>> {
  const metadata = await readSettingFile('guardian.metadata', config.guardian.metadata);
  if (!metadata.ok) return metadata;
  const parsed = parseGuardianMetadata(crypto, metadata.value);
  if (!parsed.ok) return settingRefused('guardian.metadata', parsed.fault);
  const [signingName, encryptionName] = [
    parseKeyName(config.guardian.signing),
    parseKeyName(config.guardian.encryption),
  ];
  if (!signingName.ok) return settingRefused('guardian.signing', signingName.fault);
  if (!encryptionName.ok) return settingRefused('guardian.encryption', encryptionName.fault);
  const files = await openKeyFiles('keys', config.keys);
  if (!files.ok) return files;
  const store = softwareKeyStore(crypto, files.value);
  const signing = await store.signingKey(signingName.value);
  if (!signing.ok) return settingRefused('guardian.signing', signing.fault);
  const agreement = await store.agreementKey(encryptionName.value);
  if (!agreement.ok) return settingRefused('guardian.encryption', agreement.fault);
  const keys = GuardianKeys.of(parsed.value.guardian, signing.value, agreement.value);
  return keys.ok ? ok({ keys: keys.value, metadata: metadata.value }) : settingRefused('guardian', keys.fault);
}

function publicKeysOf(certificates: readonly Certificate[]): Result<readonly PublicKey[]> {
  const keys: PublicKey[] = [];
  for (const certificate of certificates) {
    const key = certificate.publicKey(crypto);
    if (!key.ok) return key;
    keys.push(key.value);
  }
  return ok(keys);
}

/** Where revocation statements come from. */
interface StatementSource {
  readonly fetch: () => Promise<string>;
  readonly close: () => void;
}

function inProcess(fetch: () => Promise<string>): StatementSource {
  return { fetch, close: () => {} };
}

async function remote({ attestation }: KeyProtectionConfig): Promise<Result<StatementSource, StartFault>> {
  const ca = await readCertificateFile('attestation.ca', attestation.ca);
  if (!ca.ok) return ca;
  const pem = ca.value.map(({ der }) => writePem('CERTIFICATE', der)).join('');
  const transport = nodeTransport({ ca: pem, timeoutSeconds: REFRESH_SECONDS });
  const client = createClient({ baseUrl: attestation.url, transport });
  return ok({
    fetch: async () => {
      const reply = await client.call(attestationRoutes.revocations);
      if (!reply.ok) throw new Error(describeFault(reply.fault));
      return reply.value.statement;
    },
    close: () => transport.close(),
  });
}
