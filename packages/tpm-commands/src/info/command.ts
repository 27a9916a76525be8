import { ok, type Result } from '@sekimori/result';
import type { CommandFault, Given, Shown } from '../command.ts';
import { duration, entries, type Entry, printable, ranges, section } from '../text.ts';
import { withTpm } from '../with-tpm.ts';
import type { NvIndex, PersistentObject } from './objects.ts';
import { readTpmInfo, type TpmInfo } from './read.ts';

export async function tpmInfoCommand(given: Given): Promise<Result<Shown, CommandFault>> {
  const info = await withTpm(given, readTpmInfo);
  if (!info.ok) return info;
  const notes = info.value.unread.map((what) => printable(`not told by this TPM: ${what}`));
  return ok({ document: info.value, lines: linesOf(info.value), notes });
}

function linesOf(info: TpmInfo): readonly string[] {
  const { manufacturer, specification, lockout, clock } = info;
  const { name, id, software } = manufacturer;
  return [
    ...entries([
      [
        'manufacturer',
        `${name ?? 'unknown'} (${id})${software ? ', a software TPM or that of a virtual machine' : ''}`,
      ],
      ['vendor string', info.vendorString],
      ['firmware', info.firmware],
      [
        'specification',
        `TPM ${specification.family}, level ${specification.level}, revision ${specification.revision}${specification.date === undefined ? '' : `, ${specification.date}`}`,
      ],
    ]),
    ...section(
      'PCR banks',
      info.pcrBanks.map(
        ({ bank, pcrs, enabled }): Entry => [String(bank), enabled ? `PCR ${ranges(pcrs)}` : 'switched off'],
      ),
    ),
    ...entries([
      ['algorithms', info.algorithms.map(numbered).join(', ')],
      ['curves', info.curves.map(numbered).join(', ')],
      [
        'missing commands',
        info.missingCommands.length === 0 ? 'none of those that a guarded host needs' : info.missingCommands.join(', '),
      ],
    ]),
    ...section('limits', limitsOf(info.limits)),
    ...entries([
      ['permanent', info.permanent.join(', ') || 'nothing is set'],
      ['startup', info.startupClear.join(', ') || 'nothing is set'],
      [
        'lockout',
        `${lockout.inLockout ? 'LOCKED, ' : ''}${lockout.counter} of ${lockout.maxAuthFail} failures, one forgiven each ${lockout.interval} s; recovery ${lockout.recovery} s`,
      ],
    ]),
    ...section('clock', [
      ['clock', clock && `${duration(BigInt(clock.clock))}${clock.safe ? '' : ', not safe: it may have gone back'}`],
      ['since start', clock && duration(BigInt(clock.time))],
      ['resets', clock && String(clock.resetCount)],
      ['restarts', clock && String(clock.restartCount)],
    ]),
    ...listed('persistent objects', info.persistentObjects.map(objectLines)),
    ...listed('NV indices', info.nvIndices.map(indexLines)),
  ];
}

function numbered(algorithm: string | number): string {
  return typeof algorithm === 'number' ? `0x${algorithm.toString(16)}` : algorithm;
}

function limitsOf(limits: TpmInfo['limits']): readonly Entry[] {
  const bytes = (value: number | undefined) => (value === undefined ? undefined : `${value} bytes`);
  const of = (...parts: readonly (readonly [number | undefined, string])[]) =>
    parts.flatMap(([value, what]) => (value === undefined ? [] : [`${value} ${what}`])).join(', ') || undefined;
  return [
    ['command', bytes(limits.maxCommandSize)],
    ['response', bytes(limits.maxResponseSize)],
    ['input buffer', bytes(limits.inputBuffer)],
    ['digest', bytes(limits.maxDigest)],
    ['NV index', of([limits.nvIndexMax, 'bytes'], [limits.nvBufferMax, 'at once'])],
    ['transient objects', of([limits.transientMin, 'at least'], [limits.transientAvailable, 'free'])],
    [
      'persistent objects',
      of([limits.persistentMin, 'at least'], [limits.persistent, 'in use'], [limits.persistentAvailable, 'free']),
    ],
    [
      'loaded sessions',
      of([limits.loadedMin, 'at least'], [limits.loaded, 'in use'], [limits.loadedAvailable, 'free']),
    ],
    [
      'active sessions',
      of([limits.activeSessionsMax, 'at most'], [limits.active, 'in use'], [limits.activeAvailable, 'free']),
    ],
    ['PCRs', of([limits.pcrCount, 'in a bank'])],
  ];
}

function listed(title: string, items: readonly (readonly string[])[]): readonly string[] {
  return items.length === 0 ? [`${title}: none`] : [`${title}:`, ...items.flat()];
}

function objectLines({
  handle,
  usualUse,
  template,
  kind,
  name,
  attributes,
  unread,
}: PersistentObject): readonly string[] {
  const what = [kind, template && `from the template ${template}`, usualUse && `place of: ${usualUse}`];
  return [
    `  ${handle}: ${printable(what.filter((word) => word !== undefined).join(', ') || 'unknown')}`,
    ...entries(
      [
        ['name', name],
        ['attributes', attributes?.join(', ')],
        ['unread', unread],
      ],
      '    ',
    ),
  ];
}

function indexLines({ index, usualUse, kind, size, written, attributes, name, unread }: NvIndex): readonly string[] {
  const what = [
    usualUse,
    size === undefined ? undefined : `${size} bytes`,
    kind === 'ordinary' ? undefined : kind,
    written === false ? 'not written' : undefined,
  ];
  return [
    `  ${index}: ${printable(what.filter((word) => word !== undefined).join(', ') || 'unknown')}`,
    ...entries(
      [
        ['name', name],
        ['attributes', attributes?.join(', ')],
        ['unread', unread],
      ],
      '    ',
    ),
  ];
}
