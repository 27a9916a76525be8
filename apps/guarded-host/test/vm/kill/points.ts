import { sequence } from '@sekimori/testkit';

/** What is ended by SIGKILL. `swtpm` is the VM's. */
export type Victim = 'agent' | 'swtpm' | 'qemu' | 'service';
/** Of a VM's life. `roll` is the part of a start in which its protector is opened and rolled and its state sealed anew. */
type Phase = 'start' | 'roll' | 'stop';

/** What can be seen from outside that a start or a stop has come to. */
export type Moment =
  | 'asked'
  | 'claimed'
  | 'released' // the service's record of the release is on its disk
  | 'sealing' // a generation that is not finished
  | 'sealed'
  | 'recorded' // which VM runs in the run folder
  | 'vtpm-listens'
  | 'qemu-spawned'
  | 'qemu-listens'
  | 'answered'
  | 'qemu-gone'
  | 'given-back' // the claim
  | 'cleared'; // the run folder

export interface KillPoint {
  readonly number: number;
  readonly phase: Phase;
  readonly victim: Victim;
  readonly moment: Moment;
  /** How long after the moment. */
  readonly delayMillis: number;
}

/** Where a victim can be struck, and how long the next step takes about. A process is not killed before it is there. */
const PLACES: Readonly<Record<Phase, Readonly<Record<Victim, readonly (readonly [Moment, withinMillis: number])[]>>>> =
  {
    start: {
      agent: [
        ['asked', 60],
        ['recorded', 40],
        ['vtpm-listens', 40],
        ['qemu-spawned', 300],
        ['qemu-listens', 60],
        ['answered', 3000],
      ],
      swtpm: [
        ['vtpm-listens', 100],
        ['qemu-listens', 60],
        ['answered', 3000],
      ],
      qemu: [
        ['qemu-spawned', 300],
        ['qemu-listens', 60],
        ['answered', 4000],
      ],
      service: [
        ['asked', 20],
        ['vtpm-listens', 40],
      ],
    },
    roll: {
      agent: [
        ['claimed', 40],
        ['released', 20],
        ['sealing', 10],
        ['sealed', 10],
      ],
      // What reads the rolled generation for the first time.
      swtpm: [['vtpm-listens', 2]],
      qemu: [['qemu-spawned', 10]],
      service: [
        ['claimed', 30],
        ['released', 4],
      ],
    },
    stop: {
      agent: [
        ['asked', 15],
        ['qemu-gone', 30],
        ['given-back', 4],
        ['cleared', 2],
      ],
      swtpm: [['asked', 5]],
      qemu: [['asked', 5]],
      service: [['asked', 40]],
    },
  };
const PHASES = Object.keys(PLACES) as readonly Phase[];

/** As many points, the phases in turn; within a phase each victim, and each place of a victim, comes before one comes again. */
export function killPoints(seed: number, count: number): readonly KillPoint[] {
  const below = sequence(seed);
  const bags = new Map<string, unknown[]>();
  const draw = <T>(bag: string, all: readonly T[]): T => {
    const left = (bags.get(bag) ?? []) as T[];
    if (left.length === 0) left.push(...all);
    bags.set(bag, left);
    return left.splice(below(left.length), 1)[0] as T;
  };
  return Array.from({ length: count }, (_, index) => {
    const phase = PHASES[index % PHASES.length] as Phase;
    const victim = draw(phase, Object.keys(PLACES[phase]) as Victim[]);
    const [moment, withinMillis] = draw(`${phase} ${victim}`, PLACES[phase][victim]);
    return { number: index + 1, phase, victim, moment, delayMillis: below(withinMillis + 1) };
  });
}

export const nameOf = ({ number, phase, victim, moment, delayMillis }: KillPoint): string =>
  `${number}. ${phase}: ${victim} killed ${delayMillis} ms after '${moment}'`;

/** The seed of the environment, to see a failure again; else the one given. */
export function seedOr(usual: number): number {
  const given = process.env['SEKIMORI_SEED'];
  if (given === undefined) return usual;
  if (!/^\d{1,9}$/.test(given)) throw new RangeError('SEKIMORI_SEED is a number of at most nine digits');
  return Number(given);
}
