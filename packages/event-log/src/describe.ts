import type { Content } from './content.ts';
import type { ReadEvent } from './read-event.ts';
import { EV } from './event-types.ts';

/** Code points. */
const LONGEST = 240;

/** One short line for people: what the event says it is. Control characters and overlong text never get through. */
export function describeEvent(
  event: Pick<ReadEvent, 'type' | 'typeName' | 'pcr' | 'data' | 'content' | 'coverage'>,
): string {
  const line = visible(words(event));
  // By code points: a pair of surrogates that is cut in two is no text any more, and no JSON either.
  const points = Array.from(line.slice(0, 2 * LONGEST + 2));
  return points.length > LONGEST ? `${points.slice(0, LONGEST - 1).join('')}…` : line;
}

type Described = Parameters<typeof describeEvent>[0];

function words(event: Described): string {
  const { content } = event;
  switch (content.is) {
    case 'separator':
      return content.value === 'other' ? 'separator with a value of its own' : `separator (${content.value})`;
    case 'variable': {
      const what = event.type === EV.EV_EFI_VARIABLE_AUTHORITY ? 'authority' : 'variable';
      return `${what} ${content.name} (${content.value.length} bytes${shortValue(content.value)})`;
    }
    case 'image':
      return content.path === undefined ? 'image' : `image ${content.path}`;
    case 'firmware':
      return `firmware at 0x${content.base.toString(16)}, ${content.length} bytes`;
    case 'text':
      return content.prefix === undefined ? content.text : `${content.prefix}: ${content.text}`;
    case 'label':
      return label(event, content);
    case 'locality':
      return `startup locality ${content.value}`;
    case 'information':
      return content.text;
    default:
      return `${event.typeName}, ${event.data.length} bytes of data`;
  }
}

function label({ pcr, coverage }: Described, content: Extract<Content, { is: 'label' }>): string {
  const { text } = content;
  if (pcr === 11 && content.utf16)
    return coverage === 'hashed' ? `UKI section name ${text}` : `content of UKI section ${text}`;
  if (content.tag !== undefined) return `object ${text} (tag 0x${content.tag.toString(16).padStart(8, '0')})`;
  return coverage === 'hashed' ? text : `object ${text}`;
}

function shortValue(value: Uint8Array): string {
  return value.length === 1 ? `, ${value[0]?.toString(16).padStart(2, '0')}` : '';
}

/** What a host wrote reaches an operator's terminal: no control, format or direction characters. */
export function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '.');
}
