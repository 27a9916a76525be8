import { toHex } from '@sekimori/bytes';
import { EV } from './event-types.ts';
import { FIRMWARE_PCRS } from './grammar.ts';
import { sectionsOf } from './grammar-uki.ts';
import { EFI_GLOBAL_VARIABLE } from './grammar-variables.ts';
import { ACTIONS, type ReadEvent } from './read-event.ts';
import type { AcceptedLog } from './reconcile.ts';

/** A fact names the events it rests on, by their index in the log. An absence rests on a whole PCR and names none. */
interface Rests {
  readonly events: readonly number[];
}

/** A measured object: what is known of it is its digest, lower-case hex. */
export interface MeasuredObject extends Rests {
  readonly digest: string;
}

export interface Facts {
  /** `on` and `off` are shown; `unknown` is neither, and never counts as good. PFP 1.06, 3.3.4.8. */
  readonly secureBoot: Rests & { readonly state: 'on' | 'off' | 'unknown' };
  /** «UEFI Debug Mode» was measured, or was not. */
  readonly debugMode: Rests & { readonly state: 'on' | 'off' };
  /** Firmware measures only that DMA protection is off. */
  readonly dmaProtection: Rests & { readonly state: 'disabled' | 'not-reported' };
  /** PK, KEK, db, dbx and the rest of the Secure Boot configuration; digest of the whole variable. */
  readonly secureBootVariables: readonly (MeasuredObject & { readonly guid: string; readonly name: string })[];
  /** What vouched for the images that were loaded: one signature data each, or what shim measured. */
  readonly authorities: readonly (MeasuredObject & { readonly guid: string; readonly name: string })[];
  /** Every extend of PCR 4 that is no separator and no known action, whatever its type says: Authenticode digests. */
  readonly bootApplications: readonly MeasuredObject[];
  /** Sections of a unified kernel image: their digests; the content itself is not in the log. PCR 11. */
  readonly ukiSections: readonly (MeasuredObject & { readonly name: string })[];
  /**
   * Kernel command lines. `grub`: the text is measured (PCR 8), that it was the kernel's is the log's word. `systemd`: text that
   * replaces or extends the image's (PCR 12), likewise. `uki`: the digest of the image's own (PCR 11), the text is not told.
   */
  readonly commandLines: readonly CommandLine[];
  /** Evidence of one whole boot: PCRs whose separator is there, and how ExitBootServices ended. */
  readonly boot: Rests & {
    readonly separators: readonly number[];
    readonly exitBootServices: 'success' | 'failure' | 'missing';
  };
}

export type CommandLine =
  | (Rests & { readonly source: 'grub' | 'systemd'; readonly text: string })
  | (MeasuredObject & { readonly source: 'uki' });

/** What an accepted log shows, from digests and from data that a digest covers, and from nothing else. */
export function factsOf(log: AcceptedLog): Facts {
  return factsFrom((pcr) => log.eventsOf(pcr));
}

export function factsFrom(of: (pcr: number) => readonly ReadEvent[]): Facts {
  const policy = of(7);
  const bootApplications = of(4)
    .filter((event) => !event.known)
    .map(measured);
  const authorities = variables(policy, EV.EV_EFI_VARIABLE_AUTHORITY);
  const sections = sectionsOf(of(11));
  const debug = withText(policy, ACTIONS.debugMode);
  const dma = withText(policy, ACTIONS.dmaDisabled);
  return {
    secureBoot: secureBootOf(policy, bootApplications.length > 0 && authorities.length === 0),
    debugMode: { state: debug.length > 0 ? 'on' : 'off', events: debug },
    dmaProtection: { state: dma.length > 0 ? 'disabled' : 'not-reported', events: dma },
    secureBootVariables: variables(policy, EV.EV_EFI_VARIABLE_DRIVER_CONFIG),
    authorities,
    bootApplications,
    ukiSections: sections.map(({ name, nameEvent, contentEvent }) => ({
      name,
      digest: toHex(contentEvent.digest),
      events: [nameEvent.index, contentEvent.index],
    })),
    commandLines: [
      ...sections.flatMap(({ name, nameEvent, contentEvent }): CommandLine[] =>
        name === '.cmdline'
          ? [{ source: 'uki', digest: toHex(contentEvent.digest), events: [nameEvent.index, contentEvent.index] }]
          : [],
      ),
      ...of(8).flatMap(grubCommandLine),
      ...of(12).flatMap(systemdCommandLine),
    ],
    boot: bootOf(of),
  };
}

/** On: exactly one SecureBoot variable, hashed, before the separator, of one byte 01, and an authority if anything was loaded. */
function secureBootOf(policy: readonly ReadEvent[], unvouched: boolean): Facts['secureBoot'] {
  const separator = policy.findIndex((event) => event.type === EV.EV_SEPARATOR);
  const found = policy.filter(
    ({ type, coverage, content }, i) =>
      type === EV.EV_EFI_VARIABLE_DRIVER_CONFIG &&
      coverage === 'hashed' &&
      i < separator &&
      content.is === 'variable' &&
      content.guid === EFI_GLOBAL_VARIABLE &&
      content.name === 'SecureBoot',
  );
  const events = found.map((event) => event.index);
  const content = found.length === 1 ? found[0]?.content : undefined;
  if (content?.is !== 'variable' || content.value.length !== 1) return { state: 'unknown', events };
  const value = content.value[0];
  if (value === 0) return { state: 'off', events };
  return { state: value === 1 && !unvouched ? 'on' : 'unknown', events };
}

function variables(policy: readonly ReadEvent[], type: number): Facts['authorities'] {
  return policy.flatMap((event) => {
    if (event.type !== type || event.coverage === 'unverified') return [];
    const { content } = event;
    const named = content.is === 'variable' ? { guid: content.guid, name: content.name } : { guid: '', name: '' };
    return [{ ...named, ...measured(event) }];
  });
}

function bootOf(of: (pcr: number) => readonly ReadEvent[]): Facts['boot'] {
  const separators = FIRMWARE_PCRS.flatMap((pcr) => {
    const event = of(pcr).find((each) => each.type === EV.EV_SEPARATOR && each.coverage === 'hashed');
    return event ? [{ pcr, index: event.index }] : [];
  });
  const exits = of(5).filter(({ known }) => known?.text === ACTIONS.exitSuccess || known?.text === ACTIONS.exitFailure);
  const last = exits.at(-1)?.known?.text;
  const invoked = withText(of(5), ACTIONS.exitInvocation);
  const exited = invoked.length > 0 && last !== undefined;
  return {
    separators: separators.map(({ pcr }) => pcr),
    exitBootServices: !exited ? 'missing' : last === ACTIONS.exitSuccess ? 'success' : 'failure',
    events: [...separators.map(({ index }) => index), ...invoked, ...exits.map((event) => event.index)].toSorted(
      (a, b) => a - b,
    ),
  };
}

function grubCommandLine(event: ReadEvent): CommandLine[] {
  const { content } = event;
  const isKernel =
    content.is === 'text' && (content.prefix === 'kernel_cmdline' || content.prefix === 'grub_kernel_cmdline');
  return isKernel && event.coverage !== 'unverified'
    ? [{ source: 'grub', text: content.text, events: [event.index] }]
    : [];
}

function systemdCommandLine(event: ReadEvent): CommandLine[] {
  const { content } = event;
  return content.is === 'label' && content.utf16 && event.coverage === 'hashed'
    ? [{ source: 'systemd', text: content.text, events: [event.index] }]
    : [];
}

function withText(events: readonly ReadEvent[], text: string): readonly number[] {
  return events.filter((event) => event.known?.text === text).map((event) => event.index);
}

function measured(event: ReadEvent): MeasuredObject {
  return { digest: toHex(event.digest), events: [event.index] };
}
