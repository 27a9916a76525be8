import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { type CertificateAuthority, certificatesFromPem } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { createSoftwareTpm, createVendorCa } from '@sekimori/software-tpm';
import { extendPcr, shutdown, Tpm } from '@sekimori/tpm2';
import { manufactureSwtpm, startSwtpm, swtpmAvailable } from '@sekimori/tpm2-device/swtpm';
import type { RecordedBoot } from './boots.ts';

/** The TPM of one machine, which keeps its keys from boot to boot. */
export interface MachineTpm {
  /** A client over a connection of its own; closed and opened anew at each boot. */
  readonly tpm: Tpm;
  /** Power off and on, then what the recorded boot measured. */
  boot(boot: RecordedBoot): Promise<void>;
  stop(): Promise<void>;
}

/** Makes the TPMs of one run, all endorsed by one «vendor». */
export interface TpmMaker {
  readonly kind: 'swtpm' | 'software';
  /** Root of the endorsement certificates, and the certificates between, DER. Only there after the first `make`. */
  vendor(): Promise<{ readonly root: Uint8Array; readonly intermediates: readonly Uint8Array[] }>;
  make(name: string): Promise<MachineTpm>;
}

/** swtpm, a real TPM 2.0 implementation in a process of its own; where it cannot be had, ours, which says what it is. */
export function tpmMaker(folder: string): TpmMaker {
  return swtpmAvailable() ? swtpmMaker(folder) : softwareMaker();
}

function swtpmMaker(folder: string): TpmMaker {
  const caDir = join(folder, 'tpm-vendor');
  const read = async (file: string) =>
    expectOk(certificatesFromPem(await readFile(file, 'utf8'))).map(({ der }) => der);
  return {
    kind: 'swtpm',
    vendor: async () => {
      const [root] = await read(join(caDir, 'swtpm-localca-rootca-cert.pem'));
      if (!root) throw new Error('the TPM vendor has no root');
      return { root, intermediates: await read(join(caDir, 'issuercert.pem')) };
    },
    make: async (name) => {
      const stateDir = join(folder, 'machines', name, 'tpm');
      await mkdir(stateDir, { recursive: true, mode: 0o700 });
      await manufactureSwtpm({ stateDir, caDir, name });
      const swtpm = await startSwtpm({ stateDir });
      const transport = await swtpm.open();
      const tpm = new Tpm(transport, crypto);
      return {
        tpm,
        boot: async ({ measurements }) => {
          await swtpm.reset();
          for (const { pcr, digest } of measurements) expectOk(await extendPcr(tpm, pcr, 'sha256', digest));
        },
        stop: () => swtpm.stop(),
      };
    },
  };
}

function softwareMaker(): TpmMaker {
  let made: Promise<CertificateAuthority> | undefined;
  const vendorCa = () => (made ??= createVendorCa(crypto, new Date()));
  return {
    kind: 'software',
    vendor: async () => ({ root: (await vendorCa()).certificate.der, intermediates: [] }),
    make: async () => {
      const software = createSoftwareTpm({ crypto, vendorCa: await vendorCa() });
      const tpm = new Tpm(software.transport, crypto);
      return {
        tpm,
        boot: async ({ measurements }) => {
          software.reset();
          for (const { pcr, digest } of measurements) software.extendPcr(pcr, new Map([['sha256', digest]]));
        },
        stop: async () => {
          await shutdown(tpm);
          await software.transport.close();
        },
      };
    },
  };
}
