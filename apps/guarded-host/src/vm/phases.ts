/** How long each part of a start took, in milliseconds, in order. */
export type Phases = readonly { readonly phase: StartPhase; readonly millis: number }[];
type StartPhase = 'check' | 'lock' | 'release' | 'seal' | 'vtpm' | 'qemu';

/** Tells how long each phase took: from the end of the one before. */
export class PhaseClock {
  readonly #all: { readonly phase: StartPhase; readonly millis: number }[] = [];
  #since = performance.now();

  get all(): Phases {
    return this.#all;
  }

  end(phase: StartPhase): void {
    const now = performance.now();
    this.#all.push({ phase, millis: Math.round((now - this.#since) * 10) / 10 });
    this.#since = now;
  }
}
