import type { Crypto } from '@sekimori/crypto-core';
import type { Result } from '@sekimori/result';
import type { Clock } from '@sekimori/service-kit/program';
import type { Tpm } from '@sekimori/tpm2';
import type { HostSettings } from '../config.ts';
import type { HostFault } from '../faults.ts';
import type { HostReport } from '../status-shape.ts';
import type { MachinePort } from './machine.ts';
import type { ServiceProbe } from './service-probe.ts';

/** What a check works with. Nothing here changes anything. */
export interface DoctorDeps {
  readonly settings: HostSettings;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly machine: MachinePort;
  readonly tpm: Tpm;
  readonly readEventLog: () => Promise<Uint8Array>;
  /** One for each address in the settings; asked once, by the first check that wants it. */
  readonly services: () => Promise<readonly ServiceProbe[]>;
  /** As `sekimori-host status` has it. */
  readonly report: () => Promise<Result<HostReport, HostFault>>;
}

/** `warning`: it works, or works without this. `skipped`: it cannot be looked at, or does not matter here. */
export type CheckStatus = 'ok' | 'warning' | 'failed' | 'skipped';

export interface Outcome {
  readonly status: CheckStatus;
  /** Which of several things, such as an address. */
  readonly subject?: string;
  /** What was found, for people. Never a secret. */
  readonly found: string;
  /** What to do about it. */
  readonly mend?: string;
}

/** One thing that a guarded host needs. */
export interface Check {
  /** Stable: for `--only` and for whoever reads `--json`. */
  readonly id: string;
  /** A host of an owner in local mode does without it. */
  readonly fabricOnly?: boolean;
  /** The whole of it; 10 seconds where nothing is said. */
  readonly limitMillis?: number;
  readonly run: (deps: DoctorDeps) => Promise<Outcome | readonly Outcome[]>;
}

export const good = (found: string, subject?: string): Outcome => outcome('ok', found, undefined, subject);
export const skipped = (found: string, subject?: string): Outcome => outcome('skipped', found, undefined, subject);
export const warning = (found: string, mend: string, subject?: string): Outcome =>
  outcome('warning', found, mend, subject);
export const failed = (found: string, mend: string, subject?: string): Outcome =>
  outcome('failed', found, mend, subject);

function outcome(status: CheckStatus, found: string, mend?: string, subject?: string): Outcome {
  return { status, found, ...(mend !== undefined && { mend }), ...(subject !== undefined && { subject }) };
}
