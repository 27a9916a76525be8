import type { Session } from './sessions.ts';

const LOADED = 3;
const ACTIVE = 64;

interface Place {
  readonly session: Session;
  /** Of its context, where the session was put aside. */
  saved: bigint | undefined;
}

/** Sessions: a few loaded ones, and those put aside by TPM2_ContextSave. Part 1, 15.4 and 30. */
export class SessionTable {
  readonly loadedMax = LOADED;
  readonly activeMax = ACTIVE;
  readonly #places: (Place | undefined)[] = [];

  /** Undefined when no more can be active, loaded or not. `make` gets the low part of the handle. */
  add(make: (slot: number) => Session): Session | undefined {
    let free = this.#places.indexOf(undefined);
    if (free < 0) free = this.#places.length;
    if (free >= ACTIVE) return undefined;
    const session = make(free);
    this.#places[free] = { session, saved: undefined };
    return session;
  }

  /** A loaded one. */
  get(handle: number): Session | undefined {
    const place = this.#place(handle);
    return place?.saved === undefined ? place?.session : undefined;
  }

  /** Also one that was put aside. */
  delete(handle: number): boolean {
    if (!this.#place(handle)) return false;
    this.#places[handle & 0xffffff] = undefined;
    return true;
  }

  save(handle: number, sequence: bigint): void {
    const place = this.#place(handle);
    if (place) place.saved = sequence;
  }

  /** False for one that is not put aside under this number. */
  load(handle: number, sequence: bigint): boolean {
    const place = this.#place(handle);
    if (place?.saved !== sequence) return false;
    place.saved = undefined;
    return true;
  }

  /** Power is gone: what was put aside outlasts a Restart and a Resume. */
  clearLoaded(): void {
    for (const session of this.list('loaded')) this.delete(session.handle);
  }

  clear(): void {
    this.#places.length = 0;
  }

  list(which: 'loaded' | 'saved'): readonly Session[] {
    return this.#places.flatMap((place) =>
      place && (place.saved === undefined) === (which === 'loaded') ? [place.session] : [],
    );
  }

  get isFull(): boolean {
    return this.list('loaded').length >= LOADED;
  }

  #place(handle: number): Place | undefined {
    const place = this.#places[handle & 0xffffff];
    return place?.session.handle === handle ? place : undefined;
  }
}
