import { toBase64 } from '@sekimori/bytes';

/**
 * Markup of one element in its canonical form, so that what is written is what is signed. Attribute values and text must
 * need no escaping: numbers, base64 and the URIs of this package.
 */
export function markup(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  ...content: string[]
): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${plain(String(value))}"`);
  return `<${name}${written.join('')}>${content.join('')}</${name}>`;
}

export function base64Markup(
  name: string,
  bytes: Uint8Array,
  attributes: Readonly<Record<string, string>> = {},
): string {
  return markup(name, attributes, toBase64(bytes));
}

function plain(value: string): string {
  if (/[&<>"'\s]/.test(value)) throw new RangeError('a value that would need escaping');
  return value;
}
