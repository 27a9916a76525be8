import { type Crypto, type HashName, type PrivateKey, Secret } from '@sekimori/crypto-core';
import { createHierarchy, HIERARCHY_NAMES, type Hierarchy, type HierarchyName, renewHierarchy } from './hierarchies.ts';
import { type NvIndex, restartNv } from './nv.ts';
import type { TpmObject } from './objects.ts';
import { Pcrs, type StartupLocality } from './pcrs.ts';
import { SessionTable } from './session-table.ts';
import { Slots } from './slots.ts';

/** As many as swtpm and common chips have: callers that do not flush find out. */
const TRANSIENT_SLOTS = 3;

/** TPM2_PT_FIRMWARE_VERSION_1 and _2. */
export const FIRMWARE_VERSION = 0x00010000_00000000n;
/** 'SEKI': not in the TCG Vendor ID Registry, as no real TPM may be mistaken for this one. */
export const MANUFACTURER = 0x53454b49;
/** TPM_PT_NV_BUFFER_MAX: certificates are longer on most TPMs too, and are read in pieces. */
export const MAX_NV_BUFFER = 1024;

/** TPM_PT_INPUT_BUFFER. */
export const INPUT_BUFFER = 1024;

export type RsaKeySource = (bits: 2048 | 3072 | 4096) => Promise<PrivateKey>;
/** Made when first asked for, or there already. */
export type Lazy<T> = (() => Promise<T>) & { readonly known?: T };
export function known<T>(value: T): Lazy<T> {
  return Object.assign(async () => value, { known: value });
}

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
  readonly sessions = new SessionTable();
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
  /** The highest value that a counter in NV ever had: a new one goes on from there. Part 1, 37.2.4. */
  highestCounter = 0n;
  /** Of the next context. Part 1, 30.2. */
  contextSequence = 0n;
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

  /** TPM2_Clear: what the owner made is gone, and with the new seeds all that it could load. Part 3, 24.6. */
  clear(): void {
    const owned = [this.hierarchy('owner'), this.hierarchy('endorsement'), this.hierarchy('lockout')] as const;
    const isOwners = (object: TpmObject) => owned.some(({ handle }) => handle === object.hierarchy);
    // what was never asked for is a vendor's: endorsement keys go, certificates stay
    for (const [handle, { known: object }] of this.persistents)
      if (!object || isOwners(object)) this.persistents.delete(handle);
    for (const handle of this.transients.handles())
      if (isOwners((this.transients.get(handle) as { object: TpmObject }).object)) this.transients.delete(handle);
    for (const [handle, { known: index }] of this.nvIndices)
      if (index && !index.public.attributes.platformCreate) this.nvIndices.delete(handle);
    const [owner, endorsement] = owned;
    renewHierarchy(this.crypto, owner);
    // its seed stays: the endorsement keys can be made again, and are those of the certificates
    endorsement.proof = new Secret(this.crypto.random(endorsement.proof.length));
    for (const hierarchy of owned) hierarchy.auth = new Secret(new Uint8Array(0));
    this.resetCount = 0;
    this.restartCount = 0;
    this.#clockAtPower = -BigInt(this.time.time);
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
    this.sessions.clearLoaded();
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
    restartNv(this);
    if (fromState) return true;
    this.sessions.clear();
    this.resetCount++;
    this.restartCount = 0;
    renewHierarchy(this.crypto, this.hierarchy('null'));
    return true;
  }
}
