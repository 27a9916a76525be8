import type { Case } from './case.ts';
import { type Effort, type Measurement, measure } from './measure.ts';
import { attestInMemory, attestInSqlite, rollCase } from './service-cases.ts';
import { decodeCase, quoteCase, quoteEcCase, quoteRsaCase, replayCase } from './verify-cases.ts';

/** By the names of their rows. */
const CASES: Readonly<Record<string, () => Case | Promise<Case>>> = {
  'quote verification': quoteCase,
  'quote, RSA-2048': quoteRsaCase,
  'quote, P-256': quoteEcCase,
  'TPMS_ATTEST decoded': decodeCase,
  'event-log replay': replayCase,
  'attest (memory)': attestInMemory,
  'attest (SQLite)': attestInSqlite,
  roll: rollCase,
};

/** The names of the cases, or of those whose name contains `text`, in whatever case of letters. */
export function caseNames(text = ''): readonly string[] {
  return Object.keys(CASES).filter((name) => name.toLowerCase().includes(text.toLowerCase()));
}

/** The cases of these names, one after the other; `told` hears of each as it is done. */
export async function bench(
  effort: Effort,
  told: (row: Measurement) => void = () => {},
  names: readonly string[] = caseNames(),
): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const name of names) {
    const make = CASES[name];
    if (!make) throw new RangeError(`no case is called '${name}'`);
    const each = await make();
    try {
      const row = { name, ...(await measure(each, effort)) };
      told(row);
      rows.push(row);
    } finally {
      await each.close?.();
    }
  }
  return rows;
}
