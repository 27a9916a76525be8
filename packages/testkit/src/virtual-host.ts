import { concat } from '@sekimori/bytes';
import { parseEventLog, replayable } from '@sekimori/event-log';
import type { Crypto, PrivateKey } from '@sekimori/crypto-core';
import type { CertificateAuthority } from '@sekimori/pki';
import { expectOk } from '@sekimori/result';
import { createSoftwareTpm, createVendorCa, type SoftwareTpm } from '@sekimori/software-tpm';
import {
  type CertifiedEndorsementKey,
  createAttestationKey,
  createHealthKey,
  type LoadedKey,
  openEndorsementKey,
  type PcrSelection,
  Tpm,
} from '@sekimori/tpm2';
import { START } from './clock.ts';
import { collectEvidence, type Defect, type Evidence, type EvidenceRequest } from './evidence.ts';
import { measureFile } from './ima.ts';
import { measure } from './measure.ts';
import { GROWING_PCR, QUOTED_PCRS } from './pcrs.ts';

export interface VirtualHostOptions {
  readonly crypto: Crypto;
  /** The event log of a recorded boot: see `boot`. */
  readonly boot: Uint8Array;
  /**
   * What it quotes, and what its health key depends on but for PCR 10. With 10 among them its kernel has IMA, which measures the boot
   * first. Default: QUOTED_PCRS.
   */
  readonly pcrs?: readonly number[];
  /** Default: a vendor of its own, found as `vendorCa` of the host. */
  readonly vendorCa?: CertificateAuthority;
  /** Default: the same moment always. */
  readonly now?: () => Date;
  /** For many hosts: RSA keys cost 100 ms and more. Hosts that share one cannot be enrolled beside each other. */
  readonly rsaKey?: () => Promise<PrivateKey>;
}

/** A guarded host in this process: a software TPM whose PCRs hold a recorded boot. */
export interface VirtualHost {
  readonly crypto: Crypto;
  readonly software: SoftwareTpm;
  readonly tpm: Tpm;
  /** What a verifier has to trust for the endorsement certificates. */
  readonly vendorCa: CertificateAuthority;
  /** What it quotes. */
  readonly selection: PcrSelection<'sha256'>;
  /** Of the boot the host is in. */
  readonly eventLog: Uint8Array;
  /** Of IMA, as it is now; empty where PCR 10 is not quoted and nothing ran. */
  readonly imaList: Uint8Array;
  /** Runs a program, which IMA lists and extends into PCR 10. `violation`: it was written to while IMA read it. */
  run(this: void, path: string, options?: { readonly violation?: boolean }): void;
  /** Power off and on, with the same boot or another. */
  boot(this: void, eventLog?: Uint8Array): Promise<void>;
  /** RSA-2048, with its certificate. */
  endorsementKey(this: void): Promise<CertifiedEndorsementKey>;
  /** ECC P-256. Stays loaded until the next boot. */
  attestationKey(this: void): Promise<LoadedKey>;
  /** Of this boot. Stays loaded until the next. */
  healthKey(this: void): Promise<LoadedKey>;
  /** Good Evidence, or such with one defect. */
  evidence(this: void, request: EvidenceRequest, defect?: Defect): Promise<Evidence>;
}

export async function virtualHost(options: VirtualHostOptions): Promise<VirtualHost> {
  const { crypto, pcrs = QUOTED_PCRS, now = () => START, rsaKey } = options;
  const vendorCa = options.vendorCa ?? (await createVendorCa(crypto, now()));
  const banks = replayable(expectOk(parseEventLog(options.boot)));
  const software = createSoftwareTpm({ crypto, vendorCa, banks, now, ...(rsaKey && { rsaKey }) });
  const tpm = new Tpm(software.transport, crypto);
  const selection = { bank: 'sha256', indices: pcrs } as const;
  const stable = { ...selection, indices: pcrs.filter((index) => index !== GROWING_PCR) };
  let eventLog = options.boot;
  let imaList = new Uint8Array(0);
  let attestationKey: Promise<LoadedKey> | undefined;
  let healthKey: Promise<LoadedKey> | undefined;
  const start = (log: Uint8Array) => {
    eventLog = log;
    [attestationKey, healthKey] = [undefined, undefined];
    measure(software, log);
    imaList = new Uint8Array(0);
    if (pcrs.includes(GROWING_PCR)) run('boot_aggregate');
  };
  const run: VirtualHost['run'] = (path, how) => {
    imaList = concat(imaList, measureFile(crypto, software, path, how));
  };
  start(eventLog);
  const host: VirtualHost = {
    crypto,
    software,
    tpm,
    vendorCa,
    selection,
    get eventLog() {
      return eventLog;
    },
    get imaList() {
      return imaList;
    },
    run,
    boot: async (log = eventLog) => start(log),
    endorsementKey: async () => expectOk(await openEndorsementKey(tpm)),
    attestationKey: () => (attestationKey ??= createAttestationKey(tpm).then(expectOk)),
    healthKey: () => (healthKey ??= createHealthKey(tpm, stable).then(expectOk)),
    evidence: (request, defect) => collectEvidence(host, request, defect),
  };
  return host;
}
