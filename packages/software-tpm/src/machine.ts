import type { Crypto, HashName, PrivateKey } from '@sekimori/crypto-core';
import { createHierarchy, HIERARCHY_NAMES, type Hierarchy, type HierarchyName, renewHierarchy } from './hierarchies.ts';
import type { NvIndex } from './nv.ts';
import type { TpmObject } from './objects.ts';
import { Pcrs, type StartupLocality } from './pcrs.ts';
import type { Session } from './sessions.ts';
import { Slots } from './slots.ts';

/** As many as swtpm and common chips have: callers that do not flush find out. */
const TRANSIENT_SLOTS = 3;
const SESSION_SLOTS = 3;

/** TPM2_PT_FIRMWARE_VERSION_1 and _2. */
export const FIRMWARE_VERSION = 0x00010000_00000000n;
/** 'SEKI': not in the TCG Vendor ID Registry, as no real TPM may be mistaken for this one. */
export const MANUFACTURER = 0x53454b49;
/** TPM_PT_NV_BUFFER_MAX: certificates are longer on most TPMs too, and are read in pieces. */
export const MAX_NV_BUFFER = 1024;

export type RsaKeySource = (bits: 2048 | 3072 | 4096) => Promise<PrivateKey>;
/** Made or loaded when first asked for. */
export type Lazy<T> = () => Promise<T>;

/** Counted from power-on or, with `base`, from manufacture; both in milliseconds. Part 1, 36. */
export interface TpmTime {
  readonly time: number;
  readonly clock: bigint;
}

export interface MachineParts {
  readonly crypto: Crypto;
  readonly banks: readonly HashName[];
  readonly now: () => Date;
  readonly rsaKey: RsaKeySource;
}

/** All that one TPM is made of. What commands do to it stands in `commands/`. */
export class Machine {
  readonly crypto: Crypto;
  readonly rsaKey: RsaKeySource;
  readonly pcrs: Pcrs;
  readonly hierarchies: ReadonlyMap<HierarchyName, Hierarchy>;
  readonly transients = new Slots<{ readonly handle: number; readonly object: TpmObject }>(0x80000000, TRANSIENT_SLOTS);
  readonly sessions = new Slots<Session>(0, SESSION_SLOTS);
  readonly persistents = new Map<number, Lazy<TpmObject>>();
  readonly nvIndices = new Map<number, Lazy<NvIndex>>();
  readonly #now: () => Date;
  #poweredAt: number;
  #clockAtPower = 0n;
  #locality: StartupLocality = 0;

  started = false;
  resetCount = 0;
  restartCount = 0;
  /** False when the clock may have gone back: after a power loss without TPM2_Shutdown. */
  clockIsSafe = true;
  /** TPM2_Shutdown was the last command before the power went. */
  shutdown: 'clear' | 'state' | undefined = 'clear';

  constructor(parts: MachineParts) {
    this.crypto = parts.crypto;
    this.rsaKey = parts.rsaKey;
    this.pcrs = new Pcrs(parts.crypto, parts.banks);
    this.hierarchies = new Map(HIERARCHY_NAMES.map((name) => [name, createHierarchy(parts.crypto, name)]));
    this.#now = parts.now;
    this.#poweredAt = parts.now().getTime();
  }

  hierarchy(name: HierarchyName): Hierarchy {
    return this.hierarchies.get(name) as Hierarchy;
  }

  get time(): TpmTime {
    // a host's clock that is set back must not turn ours
    const time = Math.max(0, this.#now().getTime() - this.#poweredAt);
    return { time, clock: this.#clockAtPower + BigInt(time) };
  }

  setClock(clock: bigint): void {
    this.#clockAtPower = clock;
    this.#poweredAt = this.#now().getTime();
  }

  /** _TPM_Init: power is gone and back, and TPM2_Startup must come next. */
  powerCycle(locality: StartupLocality): void {
    this.setClock(this.time.clock);
    this.#locality = locality;
    this.started = false;
    this.transients.clear();
    this.sessions.clear();
  }

  /** TPM2_Startup. Part 1, 12.2.3: Reset, Restart or Resume. False when there is no state to resume. */
  startup(type: 'clear' | 'state'): boolean {
    if (type === 'state' && this.shutdown !== 'state') return false;
    const fromState = this.shutdown === 'state';
    this.clockIsSafe = this.shutdown !== undefined;
    this.shutdown = undefined;
    this.started = true;
    if (fromState) this.restartCount++;
    if (type === 'state') {
      this.pcrs.resume();
      return true;
    }
    this.pcrs.reset(this.#locality);
    if (fromState) return true;
    this.resetCount++;
    this.restartCount = 0;
    renewHierarchy(this.crypto, this.hierarchy('null'));
    return true;
  }
}
