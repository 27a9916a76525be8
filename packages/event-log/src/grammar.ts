import { toHex } from '@sekimori/bytes';
import { describeEvent } from './describe.ts';
import { EV, type EventTypeName, eventTypeName } from './event-types.ts';
import { faultAt, type LogFault, logFault } from './fault.ts';
import { ukiDefects } from './grammar-uki.ts';
import { variableDefects } from './grammar-variables.ts';
import { ACTIONS, type ReadEvent, SEPARATOR_ERROR, SEPARATOR_ONES, SEPARATOR_ZEROS } from './read-event.ts';

/** PCRs that firmware closes with a separator before it gives control away. PFP 1.06, 2.3.4. */
export const FIRMWARE_PCRS = [0, 1, 2, 3, 4, 5, 6, 7] as const;

interface Shape {
  readonly before: readonly EventTypeName[];
  /** After the separator; OS PCRs have none, and all their types stand here. */
  readonly after: readonly EventTypeName[];
}

const IMAGES = [
  'EV_EFI_BOOT_SERVICES_APPLICATION',
  'EV_EFI_BOOT_SERVICES_DRIVER',
  'EV_EFI_RUNTIME_SERVICES_DRIVER',
] as const;
const FIRMWARE = ['EV_EFI_PLATFORM_FIRMWARE_BLOB', 'EV_EFI_PLATFORM_FIRMWARE_BLOB2'] as const;
const NON_HOST = ['EV_NONHOST_CODE', 'EV_NONHOST_CONFIG', 'EV_NONHOST_INFO'] as const;
const ACTION = ['EV_ACTION', 'EV_EFI_ACTION'] as const;
const CRTM = [
  'EV_S_CRTM_CONTENTS',
  'EV_S_CRTM_VERSION',
  'EV_POST_CODE',
  'EV_POST_CODE2',
  'EV_EFI_HCRTM_EVENT',
  ...FIRMWARE,
] as const;
const CONFIGURATION = [
  'EV_CPU_MICROCODE',
  'EV_PLATFORM_CONFIG_FLAGS',
  'EV_TABLE_OF_DEVICES',
  'EV_EVENT_TAG',
  'EV_EFI_HANDOFF_TABLES',
  'EV_EFI_HANDOFF_TABLES2',
  'EV_EFI_VARIABLE_BOOT',
  'EV_EFI_VARIABLE_BOOT2',
  'EV_EFI_VARIABLE_DRIVER_CONFIG',
  ...NON_HOST,
  ...ACTION,
] as const;
const PARTITIONS = ['EV_EFI_GPT_EVENT', 'EV_EFI_GPT_EVENT2', 'EV_IPL_PARTITION_DATA', 'EV_EVENT_TAG'] as const;

/**
 * Which types a PCR may hold: the profile's table (PFP 1.06, 3.3.4 and 10.4.1), narrowed to what public logs show, and what
 * shim, GRUB, the kernel's EFI stub and systemd measure on Linux. A type that is not here fails closed.
 */
const SHAPES: Readonly<Record<number, Shape>> = {
  0: { before: [...CRTM, ...NON_HOST, ...IMAGES, ...ACTION], after: [] },
  1: { before: CONFIGURATION, after: CONFIGURATION },
  2: { before: [...IMAGES, ...FIRMWARE, ...NON_HOST, 'EV_EFI_SPDM_DEVICE_BLOB', ...ACTION], after: [] },
  3: { before: ['EV_EFI_VARIABLE_DRIVER_CONFIG', ...NON_HOST, 'EV_EFI_SPDM_DEVICE_CONFIG', ...ACTION], after: [] },
  4: {
    before: [...IMAGES, ...FIRMWARE, 'EV_OMIT_BOOT_DEVICE_EVENTS', ...ACTION],
    after: ['EV_EFI_BOOT_SERVICES_APPLICATION', 'EV_IPL', ...ACTION],
  },
  5: { before: [...PARTITIONS, 'EV_EFI_VARIABLE_BOOT', ...ACTION], after: [...PARTITIONS, ...ACTION] },
  6: { before: ['EV_COMPACT_HASH', ...NON_HOST, ...ACTION], after: [] },
  7: {
    before: [
      'EV_EFI_VARIABLE_DRIVER_CONFIG',
      'EV_EFI_VARIABLE_AUTHORITY', // of option ROMs
      'EV_EFI_SPDM_DEVICE_POLICY',
      'EV_EFI_SPDM_DEVICE_AUTHORITY',
      'EV_EFI_ACTION',
    ],
    after: ['EV_EFI_VARIABLE_AUTHORITY'],
  },
  8: { before: [], after: ['EV_IPL'] },
  9: { before: [], after: ['EV_IPL', 'EV_EVENT_TAG'] },
  11: { before: [], after: ['EV_IPL'] },
  12: { before: [], after: ['EV_IPL', 'EV_EVENT_TAG'] },
  13: { before: [], after: ['EV_IPL'] },
  14: { before: [], after: ['EV_IPL'] },
};

/** Types whose data is what was measured, so that a digest of something else shows a retyped event. PFP 1.06, 10.4.1. */
const HASHED: ReadonlySet<number> = new Set([
  EV.EV_SEPARATOR,
  EV.EV_ACTION,
  EV.EV_EFI_ACTION,
  EV.EV_OMIT_BOOT_DEVICE_EVENTS,
  EV.EV_EFI_VARIABLE_DRIVER_CONFIG,
  EV.EV_EFI_VARIABLE_BOOT,
  EV.EV_EFI_VARIABLE_BOOT2,
  EV.EV_EFI_GPT_EVENT,
  EV.EV_EFI_VARIABLE_AUTHORITY,
  EV.EV_EFI_SPDM_DEVICE_POLICY,
  EV.EV_EFI_SPDM_DEVICE_AUTHORITY,
]);

/** Tagged events of the kernel's EFI stub (PCR 9) and of systemd-stub (PCR 12); Windows' containers are none of them. */
const TAGS: Readonly<Record<number, readonly number[]>> = {
  9: [0x8f3b22ec, 0x8f3b22ed],
  12: [0x6c46f751, 0x49dffe0f, 0xdac08e1a],
};

/**
 * Every defect of a log whose PCRs replay. Replay vouches for PCR, digest and order within a PCR; the type and unhashed data
 * are the host's word, so they must fit what the digests show, or the log is not believed.
 */
export function* defects(chains: ReadonlyMap<number, readonly ReadEvent[]>): Generator<LogFault> {
  for (const pcr of FIRMWARE_PCRS) yield* firmwareDefects(pcr, chains.get(pcr) ?? []);
  for (const [pcr, events] of chains) if (pcr > 7) yield* osDefects(pcr, events);
  yield* exitDefects(chains);
}

function* firmwareDefects(pcr: number, events: readonly ReadEvent[]): Generator<LogFault> {
  const shape = SHAPES[pcr] as Shape;
  let separator: ReadEvent | undefined;
  for (const event of events) {
    yield* retyped(event);
    if (event.type !== EV.EV_SEPARATOR) {
      yield* typed(
        event,
        separator ? shape.after : shape.before,
        separator ? 'after the separator' : 'before the separator',
      );
      yield* dataDefects(event);
    } else if (event.known?.text !== SEPARATOR_ZEROS && event.known?.text !== SEPARATOR_ONES) {
      const value = event.known?.text ?? 'a separator with a value of its own';
      yield faultAt(event, 'log-separator-invalid', `${value}, must be zeros or ones`);
    } else if (separator) {
      yield faultAt(event, 'log-separator-duplicate', `a second separator, the first is event ${separator.index}`);
    } else {
      yield* dataDefects(event);
      separator = event;
    }
  }
  if (!separator) yield logFault('log-separator-missing', `PCR ${pcr} has no valid separator`, { pcr });
  if (pcr === 0 && !events.some((event) => CRTM.some((type) => EV[type] === event.type)))
    yield logFault('log-event-missing', 'PCR 0 has no measurement of the firmware', { pcr });
  if (pcr === 7) yield* variableDefects(events, separator);
}

function* osDefects(pcr: number, events: readonly ReadEvent[]): Generator<LogFault> {
  for (const event of events) {
    yield* retyped(event);
    yield* typed(event, SHAPES[pcr]?.after ?? [], 'here');
    yield* dataDefects(event);
    const { content } = event;
    if (content.is === 'label' && content.tag !== undefined && TAGS[pcr] && !TAGS[pcr].includes(content.tag))
      yield faultAt(
        event,
        'log-event-unexpected',
        `tag 0x${content.tag.toString(16).padStart(8, '0')} is not known here`,
      );
  }
  if (pcr === 11) yield* ukiDefects(events);
}

function* typed(event: ReadEvent, allowed: readonly EventTypeName[], place: string): Generator<LogFault> {
  if (allowed.some((name) => EV[name] === event.type)) return;
  const code =
    event.pcr === 7 && event.type === EV.EV_EFI_VARIABLE_DRIVER_CONFIG
      ? 'log-config-after-separator'
      : 'log-event-unexpected';
  yield faultAt(event, code, `${event.typeName} (${describeEvent(event)}) is not expected ${place}`);
}

/** A digest that can only be one thing, under the type of another. */
function* retyped(event: ReadEvent): Generator<LogFault> {
  const { known } = event;
  if (!known || known.type === event.type || (known.type === EV.EV_EFI_ACTION && event.type === EV.EV_ACTION)) return;
  // A boot order of entries 1 and 0 has the bytes of an error separator. Where it really is one, the separator is missing.
  const isBootOrder = event.type === EV.EV_EFI_VARIABLE_BOOT && event.coverage !== 'unverified';
  if (isBootOrder && known.text === SEPARATOR_ERROR) return;
  yield faultAt(event, 'log-event-unexpected', `by its digest it is «${known.text}», by its type ${event.typeName}`, {
    expected: eventTypeName(known.type),
    actual: event.typeName,
  });
}

function* dataDefects(event: ReadEvent): Generator<LogFault> {
  const mustHash = HASHED.has(event.type) || event.pcr === 8;
  if (mustHash && event.coverage === 'unverified')
    yield faultAt(event, 'log-data-mismatch', `the digest of ${event.typeName} is not that of its data`, {
      actual: toHex(event.digest),
    });
  const isAction = event.type === EV.EV_ACTION || event.type === EV.EV_EFI_ACTION;
  if (isAction && (event.content.is !== 'text' || (event.pcr === 7 && !event.known)))
    yield faultAt(event, 'log-event-unexpected', 'an action that is no known text');
}

/**
 * Nothing is measured for the firmware's log after the operating system took over. Within PCR 5 the order is authenticated;
 * across PCRs it is the host's word, so there this only finds logs that are plainly put together.
 */
function* exitDefects(chains: ReadonlyMap<number, readonly ReadEvent[]>): Generator<LogFault> {
  const exit = chains.get(5)?.find((event) => event.known?.text === ACTIONS.exitSuccess);
  if (!exit) return;
  for (const events of chains.values())
    for (const event of events)
      if (event.index > exit.index)
        yield faultAt(event, 'log-event-after-exit', `stands behind «${ACTIONS.exitSuccess}», event ${exit.index}`);
}
