import { readFile } from 'node:fs/promises';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { parseKeyName, softwareKeyStore } from '@sekimori/hsm';
import { type Certificate, certificatesFromPem, ChainCache } from '@sekimori/pki';
import { attestationRoutes } from '@sekimori/protocol';
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
import { openAttestationStore } from '@sekimori/store-sql';
import type { AttestationConfig } from './config.ts';
import type { AttestationDeps, AttestationSigner } from './deps.ts';
import { attestationHandlers } from './handlers.ts';
import { INITIAL_SETTINGS } from './attest/reference.ts';
import { revocationStatement } from './revocations.ts';

const PRUNE_SECONDS = 60;
const PRUNE_AT_ONCE = 1000;

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
  const crypto = nodeCrypto;
  const [tlsKey, macKey] = [await readPrivateFile(config.tls.key), await readPrivateFile(config.challengeKey)];
  if (!tlsKey.ok) return unreadable('tls.key', tlsKey.fault);
  if (!macKey.ok) return unreadable('challengeKey', macKey.fault);
  if (macKey.value.length !== 32)
    return unreadable('challengeKey', { code: 'length', detail: 'it must have 32 bytes' });
  const signer = await openSigner(config);
  if (!signer.ok) return signer;
  const opened = await openAttestationStore({ file: config.database, crypto });
  if (!opened.ok) return unreadable('database', opened.fault);
  const store = opened.value;
  if ((await store.attestationPolicy()).settings === null) {
    const audit = { at: clock.now(), kind: 'policy.set', actor: 'service', subject: 'policy', body: INITIAL_SETTINGS };
    await store.setAttestationPolicy({ settings: INITIAL_SETTINGS, expectedVersion: 0, audit });
  }
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
  const server = createServer({
    routes: attestationRoutes,
    handlers: attestationHandlers(deps, clock.now()),
    authenticate: adminTokens(config.administrators),
    tls: { key: tlsKey.value, cert: await readFile(config.tls.certificate, 'utf8'), requestClientCertificate: false },
    logger,
    ready: () => signerTrouble(deps),
    version,
  });
  const prune = every(
    PRUNE_SECONDS,
    async () => void (await store.pruneChallenges({ at: clock.now(), limit: PRUNE_AT_ONCE })),
    { name: 'prune used challenges', logger },
  );
  const close = async (): Promise<void> => {
    await server.close();
    await prune.stop();
    await store.close();
  };
  try {
    const { url } = await server.listen(config.listen);
    return ok({ url, revocationStatement: revocationStatement(deps), close });
  } catch (error) {
    await close();
    throw error;
  }
}

async function openSigner(config: AttestationConfig): Promise<Result<AttestationSigner, StartFault>> {
  const name = parseKeyName(config.signer.key);
  if (!name.ok) return unreadable('signer.key', name.fault);
  const keys = softwareKeyStore(nodeCrypto, await fileKeyFiles(config.keys));
  const key = await keys.signingKey(name.value);
  if (!key.ok) return unreadable('signer.key', key.fault);
  const [certificate, ca] = [await readCertificate(config.signer.certificate), await readCertificate(config.signer.ca)];
  if (!certificate.ok) return unreadable('signer.certificate', certificate.fault);
  if (!ca.ok) return unreadable('signer.ca', ca.fault);
  return ok({ key: key.value, certificate: certificate.value, ca: ca.value });
}

async function readCertificate(file: string): Promise<Result<Certificate, Fault>> {
  const certificates = certificatesFromPem(await readFile(file, 'utf8'));
  return certificates.ok ? ok(certificates.value[0] as Certificate) : certificates;
}

/** A signer that has ended certifies nothing that a relying party would accept. */
function signerTrouble({ signer, clock }: AttestationDeps): Fault | undefined {
  const { notAfter } = signer.certificate;
  if (clock.now().getTime() < notAfter.getTime()) return undefined;
  return { code: 'signer-expired', detail: `the attestation signer ended at ${notAfter.toISOString()}` };
}

function unreadable(setting: string, fault: Fault): { readonly ok: false; readonly fault: StartFault } {
  const hint = "'sekimori init' makes a data folder with everything in it";
  return { ok: false, fault: { code: 'start-refused', detail: `${setting}: ${describeFault(fault)}`, hint } };
}
