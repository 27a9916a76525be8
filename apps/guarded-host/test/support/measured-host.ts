import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BootName, buildLab, type MeasuredGuest, startMeasuredGuest } from '@sekimori/lab';
import { expectOk } from '@sekimori/result';
import { afterAll } from 'vitest';
import { type ConnectedHost, connectHost } from '../../src/index.ts';
import type { Hgs } from './hgs.ts';

/** A machine under measuring firmware. Its TPM and its state folder outlast each boot. */
export interface MeasuredHost {
  /** PEM file: the root above the endorsement certificate of its TPM. Known from the first boot on. */
  readonly endorsementRoot: string;
  /** Powers it off where it runs, boots this, and starts the agent anew, as the settings file of a host makes it. */
  boot(name: BootName): Promise<ConnectedHost>;
}

export async function aMeasuredHost(hgs: Hgs): Promise<MeasuredHost> {
  // short: sockets lie in it
  const folder = await mkdtemp(join(tmpdir(), 'host-'));
  let guest: MeasuredGuest | undefined;
  let agent: ConnectedHost | undefined;
  const stop = async () => {
    await agent?.close();
    await guest?.stop();
    agent = guest = undefined;
  };
  afterAll(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });
  let endorsementRoot: string | undefined;
  return {
    get endorsementRoot() {
      if (endorsementRoot === undefined) throw new Error('nothing was booted');
      return endorsementRoot;
    },
    async boot(name) {
      await stop();
      guest = await startMeasuredGuest({ lab: await buildLab([name]), boot: name, stateDir: join(folder, 'machine') });
      endorsementRoot = guest.endorsementAuthority.root;
      const { services, caFile: ca } = hgs;
      agent = expectOk(
        await connectHost({
          name: 'measured',
          stateFolder: join(folder, 'state'),
          tpm: { kind: 'swtpm', path: guest.tpmSocket },
          eventLog: join(guest.evidence, 'binary_bios_measurements'),
          endorsementIntermediates: guest.endorsementAuthority.issuer,
          attestation: { url: services.attestationUrl, ca },
          keyProtection: { url: services.keyProtectionUrl, ca },
        }),
      );
      return agent;
    },
  };
}
