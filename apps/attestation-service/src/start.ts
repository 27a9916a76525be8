import { sameKey } from '@sekimori/crypto-core';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { parseKeyName, softwareKeyStore } from '@sekimori/hsm';
import { ChainCache, verifySignature } from '@sekimori/pki';
import { attestationRoutes } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import {
  adminTokens,
  type Clock,
  createServer,
  every,
  type LoadedConfig,
  type Logger,
  openKeyFiles,
  readCertificateFile,
  readPrivateFile,
  readTlsFiles,
  settingRefused,
  type StartFault,
} from '@sekimori/service-kit';
import { openAttestationStore } from '@sekimori/store-sql';
import { ensurePolicy } from './attest/reference.ts';
import { CHALLENGE_KEY_BYTES } from './challenge/challenge.ts';
import type { AttestationConfig } from './config.ts';
import type { AttestationDeps, AttestationSigner } from './deps.ts';
import { attestationHandlers } from './handlers.ts';
import { prune } from './prune.ts';
import { RevocationFeed } from './revocations.ts';
import { signerTrouble } from './signer.ts';

const PRUNE_SECONDS = 60;

export interface RunningAttestation {
  readonly url: string;
  /** For a key protection service in the same process. */
  readonly revocationStatement: () => Promise<string>;
  readonly close: () => Promise<void>;
}

/** Opens what the configuration names and listens. A fault says what is wrong with it and how to mend it. */
export async function startAttestationService(
  { config, insecure }: LoadedConfig<AttestationConfig>,
  { logger, clock, version }: { readonly logger: Logger; readonly clock: Clock; readonly version: string },
): Promise<Result<RunningAttestation, StartFault>> {
  const tls = await readTlsFiles(config.tls);
  if (!tls.ok) return tls;
  const macKey = await readPrivateFile(config.challengeKey);
  if (!macKey.ok) return settingRefused('challengeKey', macKey.fault);
  if (macKey.value.length !== CHALLENGE_KEY_BYTES)
    return settingRefused('challengeKey', { code: 'length', detail: `it must have ${CHALLENGE_KEY_BYTES} bytes` });
  const signer = await openSigner(config);
  if (!signer.ok) return signer;
  const opened = await openAttestationStore({ file: config.database, crypto });
  if (!opened.ok) return settingRefused('database', opened.fault);
  const store = opened.value;
  const { serviceId } = config;
  const deps: AttestationDeps = {
    crypto,
    store,
    clock,
    signer: signer.value,
    challengeKey: { crypto, macKey: macKey.value, serviceId },
    settings: { ...config, version, insecure },
    chains: new ChainCache(),
  };
  await ensurePolicy(deps);
  const feed = new RevocationFeed(deps);
  const server = createServer({
    routes: attestationRoutes,
    handlers: attestationHandlers(deps, clock.now(), feed),
    authenticate: adminTokens(config.administrators),
    tls: { ...tls.value, requestClientCertificate: false },
    logger,
    ready: () => signerTrouble(deps) ?? feed.trouble,
    version,
  });
  const { pendingSeconds } = config;
  const pruning = every(PRUNE_SECONDS, (signal) => prune(store, { at: clock.now(), pendingSeconds }, signal), {
    name: 'prune what has ended',
    logger,
  });
  const close = async (): Promise<void> => {
    await server.close();
    await pruning.stop();
    await store.close();
  };
  try {
    const { url } = await server.listen(config.listen);
    return ok({ url, revocationStatement: () => feed.statement(), close });
  } catch (error) {
    await close();
    throw error;
  }
}

async function openSigner(config: AttestationConfig): Promise<Result<AttestationSigner, StartFault>> {
  const name = parseKeyName(config.signer.key);
  if (!name.ok) return settingRefused('signer.key', name.fault);
  const files = await openKeyFiles('keys', config.keys);
  if (!files.ok) return files;
  const found = await softwareKeyStore(crypto, files.value).signingKey(name.value);
  if (!found.ok) return settingRefused('signer.key', found.fault);
  const key = found.value;
  if (key.publicKey.type !== 'ec' || key.publicKey.curve !== 'P-256')
    return settingRefused('signer.key', { code: 'key-use', detail: 'revocation statements need a P-256 key' });
  const certificates = await readCertificateFile('signer.certificate', config.signer.certificate);
  if (!certificates.ok) return certificates;
  const cas = await readCertificateFile('signer.ca', config.signer.ca);
  if (!cas.ok) return cas;
  const [[certificate], [ca]] = [certificates.value, cas.value];
  const [certified, issuing] = [certificate.publicKey(crypto), ca.publicKey(crypto)];
  if (!certified.ok || !sameKey(certified.value, key.publicKey))
    return settingRefused('signer.certificate', { code: 'other-key', detail: 'it is not for the key of signer.key' });
  if (!issuing.ok || !verifySignature(crypto, certificate, issuing.value))
    return settingRefused('signer.ca', { code: 'other-issuer', detail: 'it did not issue signer.certificate' });
  return ok({ key, certificate, ca });
}
