/** Text from a TPM, a certificate or a file: nothing in it can steer a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}

export type Entry = readonly [name: string, value: string | undefined];

/** `name: value`, the values below each other, as YAML has them; entries without a value are left out. */
export function entries(list: readonly Entry[], indent = ''): readonly string[] {
  const known = list.filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
  const width = Math.max(0, ...known.map(([name]) => name.length));
  return known.map(([name, value]) => `${indent}${`${name}:`.padEnd(width + 1)} ${printable(value)}`);
}

/** A title, and its entries below it. Nothing where there are none. */
export function section(title: string, list: readonly Entry[]): readonly string[] {
  const lines = entries(list, '  ');
  return lines.length === 0 ? [] : [`${title}:`, ...lines];
}

/** 8 digits: how handles are written. */
export function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** The names of the bits that are set. */
export function setNames(flags: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(flags).filter((name) => flags[name] === true);
}

/** '0-7, 10': numbers, ascending, runs of them together. */
export function ranges(numbers: readonly number[]): string {
  const runs: { first: number; last: number }[] = [];
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run && number === run.last + 1) run.last = number;
    else runs.push({ first: number, last: number });
  }
  return runs.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
}

/** '2 d 03:04:05.678'. */
export function duration(millis: bigint): string {
  const two = (value: bigint) => value.toString().padStart(2, '0');
  const [seconds, rest] = [millis / 1000n, millis % 1000n];
  const days = seconds / 86_400n;
  const time = `${two((seconds / 3600n) % 24n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}`;
  return `${days === 0n ? '' : `${days} d `}${time}.${rest.toString().padStart(3, '0')}`;
}
