import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BootName, buildLab, type MeasuredGuest, startMeasuredGuest } from '@sekimori/lab';
import { certificatesFromPem } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { type AttestDeps, type ConnectedHost, connectHost, type HostDeps, loadHostConfig } from '../../src/index.ts';
import type { Hgs } from './hgs.ts';

/** A guarded host that boots for real. Its TPM and its state folder outlast each boot. */
export interface MeasuredHost {
  /** Powers it off where it runs, boots this, and connects the host program's parts anew. */
  boot(name: BootName): Promise<BootedHost>;
  /** Powers it off for good. */
  remove(): Promise<void>;
}

interface BootedHost {
  readonly deps: AttestDeps;
  readonly pair: HostDeps;
  /** Its configuration, for the program. */
  readonly configFile: string;
  /** Who endorsed its TPM, DER. */
  readonly vendor: { readonly root: Uint8Array; readonly intermediates: readonly Uint8Array[] };
}

/** `more`: settings beside those for its TPM and the services. */
export async function aMeasuredHost(hgs: Hgs, more: object = {}): Promise<MeasuredHost> {
  const folder = await mkdtemp(join(tmpdir(), 'host-')); // short: sockets lie in it
  let running: { readonly guest: MeasuredGuest; readonly host: ConnectedHost } | undefined;
  const stop = async () => {
    await running?.host.close();
    await running?.guest.stop();
    running = undefined;
  };
  return {
    async boot(name) {
      await stop();
      const guest = await startMeasuredGuest({ lab: await buildLab([name]), boot: name, stateDir: join(folder, 'vm') });
      const { issuer, root } = guest.endorsementAuthority;
      const { services, caFile: ca } = hgs;
      const file = join(folder, 'host.json');
      const config = {
        name: 'measured',
        stateFolder: 'state',
        socket: 'run/agent.sock',
        tpm: { swtpm: { socket: guest.tpmSocket } },
        eventLog: join(guest.evidence, 'binary_bios_measurements'),
        imaList: join(guest.evidence, 'ima_binary'),
        endorsementIntermediates: issuer,
        attestation: { url: services.attestationUrl, ca },
        keyProtection: { url: services.keyProtectionUrl, ca },
        ...more,
      };
      await writeFile(file, JSON.stringify(config));
      const settings = expectOk(await loadHostConfig({ file, env: {} }));
      const host = expectOk(await connectHost(settings));
      running = { guest, host };
      const [rootCertificate] = expectOk(certificatesFromPem(await readFile(root, 'utf8')));
      const intermediates = expectOk(await host.endorsementIntermediates());
      const [deps, pair] = [expectOk(await host.atService()), expectOk(await host.deps())];
      return { deps, pair, configFile: file, vendor: { root: rootCertificate!.der, intermediates } };
    },
    async remove() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
