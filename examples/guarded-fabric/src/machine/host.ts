import { join } from 'node:path';
import { type Client, createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type AttestDeps, fileHostState, type HostDeps, onePair, openTlsIdentity } from '@sekimori/guarded-host';
import { systemClock } from '@sekimori/service-kit';
import { type Fabric, must } from '../fabric.ts';
import type { RecordedBoot } from './boots.ts';
import type { MachineTpm, TpmMaker } from './tpm.ts';

/** A hypervisor host of the story: a TPM, a boot, and the state that `sekimori-host` keeps. */
export interface Machine {
  readonly name: string;
  readonly tpm: MachineTpm;
  readonly deps: AttestDeps & { readonly keyProtection: Client };
  /** What a release needs: both services. */
  pair(): HostDeps;
  boot(boot: RecordedBoot): Promise<void>;
  /** Turns to services that were started anew. */
  connect(fabric: Fabric): Promise<void>;
  stop(): Promise<void>;
}

export async function makeMachine(folder: string, maker: TpmMaker, fabric: Fabric, name: string): Promise<Machine> {
  const tpm = await maker.make(name);
  const state = must(await fileHostState(join(folder, 'machines', name, 'state')));
  const tls = must(await openTlsIdentity({ crypto, state, clock: systemClock }));
  const client = { key: tls.key, cert: tls.certificate };
  let eventLog = new Uint8Array();
  let transports: { close(): void }[] = [];
  const reach = ({ ca, services }: Fabric) => {
    for (const transport of transports) transport.close();
    const [plain, mutual] = [nodeTransport({ ca }), nodeTransport({ ca, client })];
    transports = [plain, mutual];
    return {
      url: services.attestationUrl,
      attestation: createClient({ baseUrl: services.attestationUrl, transport: plain }),
      keyProtectionUrl: services.keyProtectionUrl,
      keyProtection: createClient({ baseUrl: services.keyProtectionUrl, transport: mutual }),
    };
  };
  const deps = {
    crypto,
    tpm: tpm.tpm,
    readEventLog: async () => eventLog,
    state,
    clock: systemClock,
    ...reach(fabric),
  };
  return {
    name,
    tpm,
    deps,
    pair: () => onePair(deps, { url: deps.keyProtectionUrl, client: deps.keyProtection }),
    boot: async (boot) => {
      await tpm.boot(boot);
      eventLog = Uint8Array.from(boot.bytes);
    },
    connect: async (again) => void Object.assign(deps, reach(again)),
    stop: async () => {
      for (const transport of transports) transport.close();
      await tpm.stop();
    },
  };
}
