/** 'name:      value', aligned; entries without a value are left out. */
export function table(entries: Readonly<Record<string, string | undefined>>): readonly string[] {
  const shown = Object.entries(entries).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${printable(value)}`);
}

/** Names in certificates and answers come from others: nothing in them steers a terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}
