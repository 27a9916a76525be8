import type { Measurement } from './measure.ts';

const WIDTHS = [20, 12, 10, 10, 12] as const;
const HEADINGS = ['', 'per second', 'p50 us', 'p99 us', 'to OpenSSL'];

export const heading = (): string => line(HEADINGS);

export function tableRow({ name, opsPerSecond, p50Micros, p99Micros, ratioToOpenSsl }: Measurement): string {
  const micros = (value: number) => value.toFixed(value < 100 ? 1 : 0);
  return line([name, opsPerSecond.toFixed(0), micros(p50Micros), micros(p99Micros), ratioToOpenSsl.toFixed(2)]);
}

function line([name = '', ...numbers]: readonly string[]): string {
  const [first, ...rest] = WIDTHS;
  return [name.padEnd(first), ...numbers.map((text, index) => text.padStart(rest[index] ?? 0))].join(' ').trimEnd();
}
