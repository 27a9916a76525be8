/** A story is a list of steps; each either holds or names what went wrong. A refusal that was expected and seen holds. */
export interface StepReport {
  readonly name: string;
  readonly ok: boolean;
  /** The code of a refusal: the one expected and seen, or the one that came unexpectedly. */
  readonly fault?: string;
  /** Of a step that did not hold: what was wrong, for people. */
  readonly problem?: string;
  readonly millis: number;
  /** How long each part of it took, in order. */
  readonly phases?: Phases;
}
export type Phases = readonly { readonly phase: string; readonly millis: number }[];

/** What a step tells: lines for people, its parts, and the fault code where the step is a refusal. */
export interface Told {
  readonly lines?: readonly string[];
  readonly phases?: Phases;
  readonly fault?: string;
}

/** A chapter that was not played, and why. */
export interface LeftOut {
  readonly chapter: string;
  readonly why: string;
}

export interface Narrator {
  /** Something to know, in one line. */
  note(text: string): void;
  chapter(title: string): void;
  begin(name: string): void;
  end(report: StepReport, told: Told): void;
}

export class Story {
  readonly #narrator: Narrator;
  readonly #now: () => number;
  readonly #stop: AbortSignal | undefined;
  readonly steps: StepReport[] = [];
  readonly leftOut: LeftOut[] = [];

  constructor(narrator: Narrator, now: () => number, stop?: AbortSignal) {
    this.#narrator = narrator;
    this.#now = now;
    this.#stop = stop;
  }

  get ok(): boolean {
    return this.steps.length > 0 && !this.#stop?.aborted && this.steps.every((step) => step.ok);
  }

  chapter(title: string): void {
    this.#narrator.chapter(title);
  }

  /** A chapter that cannot be played here, or that nobody wants: said, and in the report. */
  leaveOut(chapter: string, why: string): void {
    this.#narrator.chapter(chapter);
    this.#narrator.note(`  left out: ${why}`);
    this.leftOut.push({ chapter, why });
  }

  /** Runs one step. What follows needs what came before, so a step that fails ends the story: StoryEnded is thrown. */
  async step<T>(name: string, work: () => Promise<{ readonly value: T } & Told>): Promise<T> {
    if (this.#stop?.aborted) throw new StoryEnded(name);
    this.#narrator.begin(name);
    const start = this.#now();
    try {
      const { value, ...told } = await work();
      const { fault, phases } = told;
      const millis = this.#since(start);
      this.#end({ name, ok: true, ...(fault ? { fault } : {}), millis, ...(phases ? { phases } : {}) }, told);
      return value;
    } catch (problem) {
      const fault = problem instanceof Refused ? { fault: problem.code } : {};
      const words = problem instanceof Error ? problem.message : String(problem);
      this.#end({ name, ok: false, ...fault, problem: words, millis: this.#since(start) }, {});
      throw new StoryEnded(name);
    }
  }

  #since(start: number): number {
    return Math.round((this.#now() - start) * 10) / 10;
  }

  #end(report: StepReport, told: Told): void {
    this.steps.push(report);
    this.#narrator.end(report, told);
  }
}

/** A refusal that the story did not expect. */
export class Refused extends Error {
  readonly code: string;
  constructor(code: string, detail: string) {
    super(`${code}: ${detail}`);
    this.code = code;
  }
}

export class StoryEnded extends Error {
  constructor(step: string) {
    super(`the story ended at «${step}»`);
  }
}
