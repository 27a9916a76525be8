import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '@sekimori/client';
import { nodeTransport } from '@sekimori/client/node';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import {
  activate,
  attest,
  type AttestDeps,
  enrol,
  fileHostState,
  hostIdentity,
  onePair,
  openTlsIdentity,
  type ReleaseKeys,
  releaseKeys,
} from '@sekimori/guarded-host';
import { certificatesFromPem } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { systemClock as clock } from '@sekimori/service-kit';
import { boot, measureInto } from '@sekimori/testkit';
import { Tpm, type TpmTransport } from '@sekimori/tpm2';
import { manufactureSwtpm, startSwtpm } from '@sekimori/tpm2-device/swtpm';
import type { Services } from './services.ts';

/** An attested host whose TPM is swtpm and holds a recorded boot. */
export interface MeasuredHost extends AsyncDisposable {
  readonly release: ReleaseKeys;
  /** What the TPM was asked since this was called last. */
  readonly takeTpmUse: () => TpmUse;
}

interface TpmUse {
  readonly commands: number;
  /** From the first byte of a command to the last of its answer. */
  readonly millis: number;
}

export async function aMeasuredHost(folder: string, services: Services): Promise<MeasuredHost> {
  const [stateDir, caDir] = [join(folder, 'tpm'), join(folder, 'tpm-vendor')];
  const made = await manufactureSwtpm({ stateDir, caDir, name: 'bench' });
  const swtpm = await startSwtpm({ stateDir });
  const timed = timedTransport(await swtpm.open());
  const tpm = new Tpm(timed.transport, crypto);
  const eventLog = boot('uki-snakeoil');
  await measureInto(tpm, eventLog);
  const state = expectOk(await fileHostState(join(folder, 'state')));
  const tls = expectOk(await openTlsIdentity({ crypto, state, clock }));
  const transport = nodeTransport({ ca: services.ca, client: { key: tls.key, cert: tls.certificate } });
  const { attestationUrl: url, keyProtectionUrl } = services.urls;
  const attestation = createClient({ baseUrl: url, transport });
  const deps = { crypto, tpm, readEventLog: async () => eventLog, state, clock, url, attestation };
  await beAttested(deps, services, {
    root: (await derOf(made.rootFile))[0],
    intermediates: await derOf(made.issuerFile),
  });
  const client = createClient({ baseUrl: keyProtectionUrl, transport });
  const pair = onePair(deps, { url: keyProtectionUrl, client });
  return {
    release: (protector) => releaseKeys(pair, protector),
    takeTpmUse: timed.take,
    async [Symbol.asyncDispose]() {
      transport.close();
      await swtpm.stop();
    },
  };
}

function timedTransport(inner: TpmTransport): { readonly transport: TpmTransport; readonly take: () => TpmUse } {
  const none: TpmUse = { commands: 0, millis: 0 };
  let use = none;
  const transmit: TpmTransport['transmit'] = async (command) => {
    const start = performance.now();
    try {
      return await inner.transmit(command);
    } finally {
      use = { commands: use.commands + 1, millis: use.millis + performance.now() - start };
    }
  };
  const take = () => {
    const taken = use;
    use = none;
    return taken;
  };
  return { transport: { transmit, close: () => inner.close() }, take };
}

/** Enrolled, approved, its boot the baseline: it ends with a health certificate. */
async function beAttested(
  deps: AttestDeps,
  services: Services,
  vendor: { readonly root: Uint8Array | undefined; readonly intermediates: readonly Uint8Array[] },
): Promise<void> {
  if (!vendor.root) throw new Error('the vendor of the TPM has no root');
  await services.trustTpms(vendor.root);
  const { id } = expectOk(await enrol(deps, { name: 'bench', intermediates: vendor.intermediates }));
  await services.approve(id, expectOk(await hostIdentity(deps.tpm)).ekFingerprint);
  expectOk(await activate(deps));
  await attest(deps); // refused, as no boot is approved yet; what was shown is kept
  await services.captureBaseline(id);
  expectOk(await attest(deps));
}

async function derOf(file: string): Promise<readonly Uint8Array[]> {
  return expectOk(certificatesFromPem(await readFile(file, 'utf8'))).map(({ der }) => der);
}
