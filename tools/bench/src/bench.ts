import type { Case } from './case.ts';
import { type Effort, type Measurement, measure } from './measure.ts';
import { attestInMemory, attestInSqlite, rollCase } from './service-cases.ts';
import { decodeCase, quoteCase, quoteEcCase, quoteRsaCase, replayCase } from './verify-cases.ts';

const CASES: readonly (() => Case | Promise<Case>)[] = [
  quoteCase,
  quoteRsaCase,
  quoteEcCase,
  decodeCase,
  replayCase,
  attestInMemory,
  attestInSqlite,
  rollCase,
];

/** All cases, one after the other; `told` hears of each as it is done. */
export async function bench(effort: Effort, told: (row: Measurement) => void = () => {}): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const make of CASES) {
    const each = await make();
    try {
      const row = await measure(each, effort);
      told(row);
      rows.push(row);
    } finally {
      await each.close?.();
    }
  }
  return rows;
}
