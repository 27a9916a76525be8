import { readFile } from 'node:fs/promises';
import { createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import type { PublicKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { parseKeyName, softwareKeyStore } from '@sekimori/hsm';
import { GuardianCache, GuardianKeys, parseGuardianMetadata } from '@sekimori/key-protector';
import { type Certificate, certificatesFromPem } from '@sekimori/pki';
import { attestationRoutes, keyProtectionRoutes } from '@sekimori/protocol';
import { describeFault, type Fault, ok, type Result } from '@sekimori/result';
import {
  adminTokens,
  type Clock,
  createServer,
  every,
  fileKeyFiles,
  type LoadedConfig,
  type Logger,
  readPrivateFile,
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
  const tlsKey = await readPrivateFile(config.tls.key);
  if (!tlsKey.ok) return unreadable('tls.key', tlsKey.fault);
  const guardian = await openGuardian(config);
  if (!guardian.ok) return guardian;
  const signers = certificatesFromPem(await readFile(config.attestation.signers, 'utf8'));
  if (!signers.ok) return unreadable('attestation.signers', signers.fault);
  const signerKeys = publicKeysOf(signers.value);
  if (!signerKeys.ok) return unreadable('attestation.signers', signerKeys.fault);
  const source = environment.fetchStatement ?? (await remoteStatement(config));
  const opened = await openKeyProtectionStore({ file: config.database, crypto });
  if (!opened.ok) return unreadable('database', opened.fault);
  const store = opened.value;
  const revocations = new Revocations({
    crypto,
    clock,
    logger,
    store,
    issuer: config.attestation.serviceId,
    signers: signerKeys.value,
    fetchStatement: source,
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
    tls: { key: tlsKey.value, cert: await readFile(config.tls.certificate, 'utf8'), requestClientCertificate: true },
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
  const metadata = Uint8Array.from(await readFile(config.guardian.metadata));
  const parsed = parseGuardianMetadata(crypto, metadata);
  if (!parsed.ok) return unreadable('guardian.metadata', parsed.fault);
  const [signingName, encryptionName] = [
    parseKeyName(config.guardian.signing),
    parseKeyName(config.guardian.encryption),
  ];
  if (!signingName.ok) return unreadable('guardian.signing', signingName.fault);
  if (!encryptionName.ok) return unreadable('guardian.encryption', encryptionName.fault);
  const store = softwareKeyStore(crypto, await fileKeyFiles(config.keys));
  const signing = await store.signingKey(signingName.value);
  if (!signing.ok) return unreadable('guardian.signing', signing.fault);
  const agreement = await store.agreementKey(encryptionName.value);
  if (!agreement.ok) return unreadable('guardian.encryption', agreement.fault);
  const keys = GuardianKeys.of(parsed.value.guardian, signing.value, agreement.value);
  return keys.ok ? ok({ keys: keys.value, metadata }) : unreadable('guardian', keys.fault);
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

async function remoteStatement({ attestation }: KeyProtectionConfig): Promise<() => Promise<string>> {
  const transport = nodeTransport({ ca: await readFile(attestation.ca, 'utf8'), timeoutSeconds: REFRESH_SECONDS });
  const client = createClient({ baseUrl: attestation.url, transport });
  return async () => {
    const reply = await client.call(attestationRoutes.revocations);
    if (!reply.ok) throw new Error(describeFault(reply.fault));
    return reply.value.statement;
  };
}

function unreadable(setting: string, fault: Fault): { readonly ok: false; readonly fault: StartFault } {
  const hint = "'sekimori init' makes a data folder with everything in it";
  return { ok: false, fault: { code: 'start-refused', detail: `${setting}: ${describeFault(fault)}`, hint } };
}
