import { faultAt, type LogFault } from './fault.ts';
import type { ReadEvent } from './read-event.ts';

/** Sections that a unified kernel image measures; `.pcrsig` never is. UAPI.5, PCR 11. */
const SECTIONS: ReadonlySet<string> = new Set([
  '.linux',
  '.osrel',
  '.cmdline',
  '.initrd',
  '.ucode',
  '.splash',
  '.dtb',
  '.dtbauto',
  '.efifw',
  '.hwids',
  '.uname',
  '.sbat',
  '.pcrpkey',
  '.profile',
]);

export interface UkiSection {
  readonly name: string;
  readonly nameEvent: ReadEvent;
  readonly contentEvent: ReadEvent;
}

/** Name and content take turns: the name by its own digest, the content by its place behind the name. */
export function sectionsOf(events: readonly ReadEvent[]): readonly UkiSection[] {
  const sections: UkiSection[] = [];
  for (let i = 0; i + 1 < events.length; i += 2) {
    const [nameEvent, contentEvent] = [events[i] as ReadEvent, events[i + 1] as ReadEvent];
    if (isName(nameEvent)) sections.push({ name: nameOf(nameEvent), nameEvent, contentEvent });
  }
  return sections;
}

export function* ukiDefects(events: readonly ReadEvent[]): Generator<LogFault> {
  const seen = new Set<string>();
  for (const [i, event] of events.entries()) {
    if (i % 2 === 1) continue;
    const name = nameOf(event);
    const content = events[i + 1];
    if (!isName(event))
      yield faultAt(event, 'log-uki-section-invalid', 'no digest of a section name, where one is due');
    else if (!SECTIONS.has(name)) yield faultAt(event, 'log-uki-section-invalid', 'a section that is not known');
    else if (seen.has(name)) yield faultAt(event, 'log-uki-section-invalid', `the section ${name} is measured twice`);
    else if (!content) yield faultAt(event, 'log-uki-section-invalid', `no content follows the section name ${name}`);
    else if (nameOf(content) !== name)
      yield faultAt(content, 'log-uki-section-invalid', `its label is not ${name}, the section before it`);
    seen.add(name);
  }
}

function isName(event: ReadEvent): boolean {
  return event.content.is === 'label' && event.content.utf16 === true && event.coverage === 'hashed';
}

function nameOf(event: ReadEvent): string {
  return event.content.is === 'label' ? event.content.text : '';
}
