import { utf8 } from '@sekimori/bytes';

const nested = (tags: readonly string[], inside: string): string =>
  `${tags.join('')}${inside}${tags.map(() => '</a>').join('')}`;
const declarations = (count: number, uri = 'u:'): string =>
  Array.from({ length: count }, (_, i) => ` xmlns:p${i}="${uri}"`).join('');

/** Nearly a thousand declarations above ten thousand elements that each declare one more. */
export const manyInScope = utf8(
  nested(
    Array.from({ length: 31 }, (_, depth) => `<a${declarations(32).replaceAll(':p', `:d${depth}p`)}>`),
    '<a xmlns:b="u:"/>'.repeat(10_000),
  ),
);

/** Ten thousand elements that say again what holds already. */
export const sameAgain = utf8(nested([`<a${declarations(16)}>`], '<a xmlns:p3="u:"/>'.repeat(10_000)));

/** Ten thousand elements that each declare something else under as much as may be in force. */
export const otherEachTime = utf8(
  nested([`<a${declarations(15)}>`], Array.from({ length: 10_000 }, (_, i) => `<a xmlns:p3="u:${i}"/>`).join('')),
);

/** A long name declared once, and used ten thousand times where nothing above used it. */
export const longName = utf8(`<a xmlns:p="u:${'x'.repeat(500_000)}">${'<p:a/>'.repeat(10_000)}</a>`);

export function namespaceBombs(): readonly Uint8Array[] {
  return [manyInScope, sameAgain, otherEachTime, longName];
}
