import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@sekimori/crypto-core';
import { ChainCache } from '@sekimori/pki';
import { expectOk, type Result } from '@sekimori/result';
import { type AttestationStore, memoryAttestationStore } from '@sekimori/store';
import { openAttestationStore } from '@sekimori/store-sql';
import { createFixedClock, type FixedClock, QUOTED_PCRS } from '@sekimori/testkit';
import { onTestFinished } from 'vitest';
import { ensurePolicy } from '../../src/attest/reference.ts';
import type { AttestationDeps, AttestationSettings } from '../../src/deps.ts';
import { attestationHandlers } from '../../src/handlers.ts';
import { aSigner, crypto } from './authority.ts';
import type { Wire } from './wire.ts';

const SETTINGS: AttestationSettings = {
  serviceId: 'hgs.example',
  audience: 'kps.example',
  group: 'default',
  challengeSeconds: 120,
  activationSeconds: 120,
  certificateSeconds: 8 * 3600,
  maxPendingHosts: 10,
  pendingSeconds: 24 * 3600,
  pcrs: [...QUOTED_PCRS],
  version: '0',
  insecure: [],
};
const signer = await aSigner();

/** The use cases of one node, behind the routes' handlers. */
export interface Bench {
  readonly deps: AttestationDeps;
  readonly clock: FixedClock;
  readonly wire: Wire;
}

export async function aBench(
  changes: Partial<Omit<AttestationDeps, 'settings' | 'clock'>> & {
    readonly settings?: Partial<AttestationSettings>;
    readonly clock?: FixedClock;
  } = {},
): Promise<Bench> {
  const clock = changes.clock ?? createFixedClock();
  const settings = { ...SETTINGS, ...changes.settings };
  const macKey = new Secret(crypto.random(32));
  const deps: AttestationDeps = {
    crypto,
    store: memoryAttestationStore(crypto),
    signer,
    challengeKey: { crypto, macKey, serviceId: settings.serviceId },
    chains: new ChainCache(),
    ...changes,
    clock,
    settings,
  };
  await ensurePolicy(deps);
  return { deps, clock, wire: wireOf(deps) };
}

/** Another node of the same service; over the same store unless it brings its own. */
export function anotherNode({ deps, clock }: Bench, store: AttestationStore = deps.store): Bench {
  const other = { ...deps, store, chains: new ChainCache() };
  return { deps: other, clock, wire: wireOf(other) };
}

export type SqliteBench = Bench & { readonly file: string };
type Cleanup = (work: () => Promise<void>) => void;

/** Over an SQLite file of its own, which `file` names. `cleanup`: afterAll, for what several tests share. */
export async function sqliteBench(
  changes: Parameters<typeof aBench>[0] = {},
  cleanup: Cleanup = onTestFinished,
): Promise<SqliteBench> {
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-attestation-'));
  cleanup(() => rm(folder, { recursive: true }));
  const file = join(folder, 'attestation.sqlite');
  return { ...(await aBench({ ...changes, store: await openStore(file, cleanup) })), file };
}

export async function openStore(file: string, cleanup: Cleanup = onTestFinished): Promise<AttestationStore> {
  const store = expectOk(await openAttestationStore({ file, crypto }));
  cleanup(() => store.close());
  return store;
}

let requests = 0;

function wireOf(deps: AttestationDeps): Wire {
  const handlers = attestationHandlers(deps, deps.clock.now()) as unknown as Readonly<
    Record<string, (request: object) => Promise<Result<never>>>
  >;
  return (name, { params, query, body } = {}) =>
    (handlers[name] as (request: object) => Promise<Result<never>>)({
      params,
      query: query ?? {},
      body,
      traceId: `trace-${++requests}`,
      client: { address: '127.0.0.1', certificateSpkiHash: undefined },
      actor: 'administrator:alice',
    });
}
