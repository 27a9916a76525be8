import type { Check, CheckStatus, DoctorDeps, Outcome } from './check.ts';

/** What `sekimori-host doctor --json` prints: in the order of the checks, a check may tell of several subjects. */
export interface DoctorReport {
  /** No check failed; there may be warnings. */
  readonly healthy: boolean;
  readonly checks: readonly CheckResult[];
  readonly summary: Readonly<Record<CheckStatus, number>>;
}
export interface CheckResult extends Outcome {
  readonly id: string;
}

const LIMIT_MILLIS = 10_000;

/** Runs all checks side by side, each in its own time. What a check throws is what it found. */
export async function examine(checks: readonly Check[], deps: DoctorDeps): Promise<DoctorReport> {
  const results = await Promise.all(
    checks.map(async (check) => {
      const outcomes = await outcomesOf(check, deps);
      return outcomes.map((each): CheckResult => ({ id: check.id, ...each }));
    }),
  );
  const all = results.flat();
  const count = (status: CheckStatus) => all.filter((each) => each.status === status).length;
  const summary = { ok: count('ok'), warning: count('warning'), failed: count('failed'), skipped: count('skipped') };
  return { healthy: summary.failed === 0, checks: all, summary };
}

async function outcomesOf(check: Check, deps: DoctorDeps): Promise<readonly Outcome[]> {
  if (check.fabricOnly && deps.settings.mode === 'local')
    return [{ status: 'skipped', found: 'not needed in local mode' }];
  const limit = check.limitMillis ?? LIMIT_MILLIS;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Outcome>((resolve) => {
    const mend = `something does not answer; look again with 'sekimori-host doctor --only ${check.id}'`;
    timer = setTimeout(
      () => resolve({ status: 'failed', found: `nothing was found in ${limit / 1000} s`, mend }),
      limit,
    );
  });
  try {
    const found = await Promise.race([check.run(deps), late]);
    return Array.isArray(found) ? (found as readonly Outcome[]) : [found as Outcome];
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    return [{ status: 'failed', found, mend: 'this is not expected: look at the message, and tell us of it' }];
  } finally {
    clearTimeout(timer);
  }
}
