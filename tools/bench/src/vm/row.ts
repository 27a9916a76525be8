import type { Unit, VmCase } from './cases.ts';

/** One row of the result. */
export interface Row {
  readonly name: string;
  readonly unit: Unit;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** How many values these are of. */
  readonly runs: number;
}

/** What was measured, by the names of cases. */
export class Values {
  readonly #values = new Map<string, number[]>();

  add(name: string, value: number): void {
    const values = this.#values.get(name);
    if (values) values.push(value);
    else this.#values.set(name, [value]);
  }

  /** Throws where a case has no value, or a value no case: what is told is what was measured. */
  rows(cases: readonly VmCase[]): readonly Row[] {
    const unknown = [...this.#values.keys()].find((name) => !cases.some((each) => each.name === name));
    if (unknown !== undefined) throw new Error(`no case is called '${unknown}'`);
    return cases.map(({ name, unit }) => {
      const sorted = (this.#values.get(name) ?? []).toSorted((a, b) => a - b);
      const [min, max] = [sorted[0], sorted.at(-1)];
      if (min === undefined || max === undefined) throw new Error(`'${name}' was not measured`);
      return {
        name,
        unit,
        median: rounded(medianOf(sorted)),
        min: rounded(min),
        max: rounded(max),
        runs: sorted.length,
      };
    });
  }
}

/** Of an even number of values, the middle between the two in the middle. NaN of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle - 0.5)] ?? Number.NaN) + (sorted[Math.floor(middle - 0.5)] ?? Number.NaN)) / 2;
}

/** Three digits that count, or more where there are more before the point; none after the third one behind it. */
function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(Number(value.toPrecision(3)).toFixed(3));
}

const HEADINGS = ['case', 'unit', 'median', 'min', 'max', 'runs'];
const WIDTHS = [50, 10, 8, 8, 8, 4];

/** A Markdown table, line by line. */
export const heading = (): string => `${line(HEADINGS)}\n${line(WIDTHS.map((width, at) => dashes(width, at > 1)))}`;
export const tableRow = ({ name, unit, median, min, max, runs }: Row): string =>
  line([name, unit, ...[median, min, max, runs].map(String)]);

const dashes = (width: number, right: boolean) => `${'-'.repeat(width - 1)}${right ? ':' : '-'}`;

function line(cells: readonly string[]): string {
  const padded = cells.map((cell, at) => (at > 1 ? cell.padStart(WIDTHS[at] ?? 0) : cell.padEnd(WIDTHS[at] ?? 0)));
  return `| ${padded.join(' | ')} |`;
}
