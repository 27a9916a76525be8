import { fromBase64Url, toBase64Url, toHex } from '@sekimori/bytes';
import type { RevocationStatement } from '@sekimori/health-certificate';
import { openSealedKeys, readSealedKeys, type TransportKeys } from '@sekimori/key-release';
import { createGuardian, GuardianCache } from '@sekimori/key-protector';
import type { ReleaseReply } from '@sekimori/protocol';
import { expectOk } from '@sekimori/result';
import { createLogger } from '@sekimori/service-kit';
import { type KeyProtectionStore, memoryKeyProtectionStore } from '@sekimori/store';
import { createFixedClock, type FixedClock, START } from '@sekimori/testkit';
import type { KeyProtectionDeps } from '../../src/deps.ts';
import { release } from '../../src/release/release.ts';
import { Revocations } from '../../src/revocations.ts';
import { AUDIENCE, aStatement, crypto, type Host, SERVICE_ID, signer } from './parties.ts';

export const fabric = (await createGuardian(crypto, 'Fabric', START)).keys;

/** The use case over the memory store, with a revocation feed in the test's hands. */
export interface Bench {
  readonly deps: KeyProtectionDeps;
  readonly clock: FixedClock;
  readonly store: KeyProtectionStore;
  /** The attestation service says this, as of now, and the key protection service asks it. */
  publish(this: void, changes?: Partial<RevocationStatement>): Promise<void>;
  /** It says exactly these words. */
  say(this: void, words: string | Error): Promise<void>;
  release(this: void, host: Host, protector: Uint8Array, changes?: Request): ReturnType<ReturnType<typeof release>>;
}

interface Request {
  readonly leaf?: Uint8Array;
  /** Of another client. */
  readonly spki?: Uint8Array;
}

export async function aBench(
  store: KeyProtectionStore = memoryKeyProtectionStore(crypto),
  changes: Partial<KeyProtectionDeps> = {},
): Promise<Bench> {
  const clock = createFixedClock();
  let words: string | Error = await aStatement();
  const revocations = new Revocations({
    crypto,
    clock,
    logger: createLogger({ service: 'test', level: 'silent' }),
    store,
    issuer: SERVICE_ID,
    signers: [signer.key.publicKey],
    fetchStatement: async () => {
      if (words instanceof Error) throw words;
      return words;
    },
  });
  const deps: KeyProtectionDeps = {
    crypto,
    store,
    clock,
    guardians: [fabric],
    cache: new GuardianCache(),
    metadata: new Uint8Array(0),
    signers: [signer.certificate],
    revocations,
    settings: { audience: AUDIENCE, minimumLevel: 'measured', version: '0', insecure: [] },
    ...changes,
  };
  const say = async (next: string | Error) => {
    words = next;
    await revocations.refresh();
  };
  const useCase = release(deps);
  let traces = 0;
  return {
    deps,
    clock,
    store,
    say,
    publish: async (statement) => say(await aStatement({ at: clock.now(), ...statement })),
    release: (host, protector, { leaf = host.certificate.der, spki = host.tls.spki } = {}) =>
      useCase(requestOf(protector, leaf), {
        clientKeyHash: toHex(crypto.hash('sha256', spki)),
        traceId: `trace-${++traces}`,
      }),
  };
}

export async function aReadyBench(...parts: Parameters<typeof aBench>): Promise<Bench> {
  const bench = await aBench(...parts);
  await bench.publish();
  return bench;
}

export function requestOf(protector: Uint8Array, leaf: Uint8Array) {
  return {
    protector: toBase64Url(protector),
    healthCertificate: [toBase64Url(leaf), toBase64Url(signer.certificate.der)],
  };
}

/** What the host does with the answer; here with its health key in this process. */
export async function opened(host: Host, ingress: Uint8Array, reply: ReleaseReply): Promise<TransportKeys> {
  const sealed = expectOk(readSealedKeys(crypto, bytes(reply.sealedKeys)));
  const sharedSecret = await host.agreement.agree(sealed.ephemeralKey);
  return expectOk(
    openSealedKeys(crypto, sealed, host.agreement.publicKey, sharedSecret, bindingOf(host, ingress, reply)),
  );
}

export function bindingOf({ certificate }: Pick<Host, 'certificate'>, ingress: Uint8Array, reply: ReleaseReply) {
  return {
    ingressProtector: crypto.hash('sha256', ingress),
    egressProtector: crypto.hash('sha256', bytes(reply.egressProtector)),
    healthCertificate: crypto.hash('sha256', certificate.der),
  };
}

export function bytes(text: string): Uint8Array {
  const value = fromBase64Url(text);
  if (!value) throw new Error('not base64url');
  return value;
}
