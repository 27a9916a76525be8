import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { revocationStatement } from '@sekimori/attestation-service/use-cases';
import { toBase64Url, toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { createGuardian, GuardianCache, newKeyProtector } from '@sekimori/key-protector';
import { type KeyProtectionDeps, release, Revocations } from '@sekimori/key-protection-service/use-cases';
import type { AttestRequest } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { createLogger } from '@sekimori/service-kit';
import { type AttestationStore, memoryAttestationStore, memoryKeyProtectionStore } from '@sekimori/store';
import { openAttestationStore } from '@sekimori/store-sql';
import { boot, START } from '@sekimori/testkit';
import { attestation, type Attestation, AUDIENCE, bytesOf, SERVICE_ID } from './attestation.ts';
import {
  bareAgree,
  bareAgreeEphemeral,
  bareGcm,
  bareHashes,
  bareHkdf,
  bareHmac,
  bareSign,
  bareVerify,
  inTurn,
} from './bare.ts';
import type { Case } from './case.ts';
import { replayHashes } from './verify-cases.ts';

export const attestInMemory = (): Promise<Case> => attestCase(memoryAttestationStore(crypto), 1);

/** In the folder for temporary files (TMPDIR): every attestation is on that disk before it is answered. */
export async function attestInSqlite(): Promise<Case> {
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-bench-'));
  const store = expectOk(await openAttestationStore({ file: join(folder, 'attestation.sqlite'), crypto }));
  const removed = await attestCase(store, ATTESTATIONS_TOGETHER);
  const close = async () => {
    await store.close();
    await rm(folder, { recursive: true });
  };
  return { ...removed, close };
}

/** Requests of a boot storm share a commit; one alone waits for the disk alone. */
const ATTESTATIONS_TOGETHER = 16;

/**
 * The use case of one attestation, from the request's JSON values to the reply's. Base: verifying quote and certification,
 * the digests of the replay, signing the health certificate.
 */
async function attestCase(store: AttestationStore, concurrency: number): Promise<Case> {
  // A service looks at one attestation of a host at a time: those that are together are of as many hosts.
  const services: Attestation[] = [];
  while (services.length < concurrency) services.push(await attestation(store, services.length));
  const [service] = services as [Attestation];
  let requests: (readonly [Attestation, AttestRequest])[] = [];
  return {
    concurrency,
    prepare: async (operations) => {
      requests = [];
      for (let made = 0; made < operations; made++) {
        const next = services[made % concurrency] ?? service;
        requests.push([next, await next.request()]);
      }
    },
    subject: () => {
      const next = requests.pop();
      if (!next) throw new Error('every attestation needs fresh Evidence');
      const [sender, request] = next;
      return sender.attest(request);
    },
    base: inTurn(
      [2, bareVerify(service.sizes.attest)],
      [1, bareHashes(replayHashes(boot('uki-snakeoil')))],
      [1, bareSign(service.sizes.certificate)],
    ),
  };
}

/**
 * The use case of one release with its roll, for a protector of an owner and one guardian; each rolls what the last one gave.
 * Base: verifying the health certificate and the guardian signature (the other signatures of a protector are remembered),
 * opening one wrapping, making two and sealing to the health key (one agreement with a key that stays, three with fresh
 * ones, an HKDF and an AES-GCM each), the MAC over the wrappings in the old and in the new protector (HKDF, HMAC), one
 * signature, and the digests of both protectors.
 */
export async function rollCase(): Promise<Case> {
  const service = await attestation(memoryAttestationStore(crypto));
  const { deps: verifier } = service;
  const { healthCertificate, signer } = await service.attest(await service.request());
  const [owner, fabric] = [await createGuardian(crypto, 'Owner', START), await createGuardian(crypto, 'Fabric', START)];
  const store = memoryKeyProtectionStore(crypto);
  const revocations = new Revocations({
    crypto,
    clock: verifier.clock,
    logger: createLogger({ service: 'bench', level: 'warn' }),
    store,
    issuer: SERVICE_ID,
    signers: [verifier.signer.key.publicKey],
    fetchStatement: revocationStatement(verifier),
  });
  await revocations.refresh();
  const deps: KeyProtectionDeps = {
    crypto,
    store,
    clock: verifier.clock,
    guardians: [fabric.keys],
    cache: new GuardianCache(),
    metadata: new Uint8Array(0),
    signers: [verifier.signer.certificate],
    revocations,
    settings: { audience: AUDIENCE, minimumLevel: 'measured', version: '0.0.0', insecure: [] },
  };
  const parties = { owner: owner.keys, guardians: [fabric.keys.guardian], at: START };
  const ingress = expectOk(await newKeyProtector(crypto, parties)).protector;
  const context = {
    clientKeyHash: toHex(crypto.hash('sha256', service.clientKey)),
    traceId: toHex(crypto.random(16)),
  };
  const releaseOne = release(deps);
  let protector = toBase64Url(ingress);
  return {
    subject: async () => {
      const request = { protector, healthCertificate: [healthCertificate, signer] };
      protector = expectOk(await releaseOne(request, context)).egressProtector;
    },
    base: inTurn(
      [1, bareVerify(bytesOf(healthCertificate).length)],
      [1, bareVerify(ingress.length)],
      [1, bareAgree()],
      [3, bareAgreeEphemeral()],
      [6, bareHkdf()],
      [4, bareGcm(64)],
      [2, bareHmac(ingress.length)],
      [1, bareSign(ingress.length)],
      [2, bareHashes([['sha256', ingress]])],
    ),
  };
}
