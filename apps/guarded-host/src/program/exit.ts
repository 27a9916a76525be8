/** Exit statuses; `--help` tells them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  outage: 4,
  tpm: 5,
  notGuarded: 6,
  wouldNotPass: 7,
  unknown: 8,
  unfit: 9,
} as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];
