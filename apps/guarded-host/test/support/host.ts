import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { type Clock, systemClock } from '@sekimori/service-kit/program';
import { boot, type BootName, QUOTED_PCRS, type VirtualHost, virtualHost } from '@sekimori/testkit';
import { afterAll } from 'vitest';
import { type AttestDeps, fileHostState, type HostDeps, onePair, openTlsIdentity } from '../../src/index.ts';
import { takeIn } from './administration.ts';
import type { Hgs } from './hgs.ts';

/** A guarded host over a software TPM whose PCRs hold a recorded boot. */
export interface TestHost {
  readonly machine: VirtualHost;
  /** At its one attestation service, and a client of its key protection service. */
  readonly deps: TestDeps;
  /** What a release needs; with other parts where they are given. */
  readonly pair: (change?: Partial<TestDeps>) => HostDeps;
  readonly folder: string;
  boot(name: BootName): Promise<void>;
}

export type TestDeps = AttestDeps & { readonly url: string; readonly keyProtection: Client };

let hosts = 0;

/** Its TPM's vendor is trusted; it is not enrolled. `pcrs`: with 10 among them its kernel has IMA. */
export async function aHost(
  hgs: Hgs,
  { clock = systemClock, pcrs = QUOTED_PCRS }: { readonly clock?: Clock; readonly pcrs?: readonly number[] } = {},
): Promise<TestHost> {
  const machine = await virtualHost({ crypto, boot: boot('uki-snakeoil'), pcrs, now: () => clock.now() });
  await hgs.trust(machine.vendorCa.certificate.der);
  const folder = await mkdtemp(join(tmpdir(), 'sekimori-host-'));
  const state = expectOk(await fileHostState(join(folder, 'state')));
  const tls = expectOk(await openTlsIdentity({ crypto, state, clock }));
  const plain = nodeTransport({ ca: hgs.ca });
  const mutual = nodeTransport({ ca: hgs.ca, client: { key: tls.key, cert: tls.certificate } });
  afterAll(async () => {
    plain.close();
    mutual.close();
    await rm(folder, { recursive: true, force: true });
  });
  const deps: TestDeps = {
    crypto,
    clock,
    state,
    tpm: machine.tpm,
    readEventLog: async () => machine.eventLog,
    readImaList: async () => machine.imaList,
    url: hgs.services.attestationUrl,
    attestation: createClient({ baseUrl: hgs.services.attestationUrl, transport: plain }),
    keyProtection: createClient({ baseUrl: hgs.services.keyProtectionUrl, transport: mutual }),
  };
  return {
    machine,
    deps,
    pair({ keyProtection = deps.keyProtection, ...change } = {}) {
      return onePair({ ...deps, ...change }, { url: hgs.services.keyProtectionUrl, client: keyProtection });
    },
    folder: join(folder, 'state'),
    boot: (name) => machine.boot(boot(name)),
  };
}

export const uniqueName = (): string => `node${++hosts}`;

/** Enrolled, approved, activated; its boot is a baseline. */
export async function anActiveHost(
  hgs: Hgs,
  options?: Parameters<typeof aHost>[1],
): Promise<TestHost & { readonly id: string }> {
  const host = await aHost(hgs, options);
  const { id } = await takeIn(hgs, host.deps, { name: uniqueName() });
  return { ...host, id };
}
