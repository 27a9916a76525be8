import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import {
  explain,
  type ExplainedEvent,
  type ExplainedLog,
  LOG_LIMITS,
  parseEventLog,
  renderExplained,
} from '@sekimori/event-log';
import { pcrName } from '@sekimori/policy';
import { describeFault, ok } from '@sekimori/result';
import type { Io } from '../io.ts';
import { type Answer, type Context, refuse } from '../outcome.ts';
import { cut, paint, printable, type Style } from '../output/text.ts';
import { readBounded } from './files.ts';

export async function explainLog({ io }: Context, file: string): Answer {
  const bytes = await readBounded(file, LOG_LIMITS.bytes);
  if (!bytes.ok) return bytes;
  const log = parseEventLog(bytes.value);
  if (!log.ok)
    return refuse(
      log.fault.code,
      `${file} is no boot log: ${describeFault(log.fault)}`,
      "Linux has it in '/sys/kernel/security/tpm0/binary_bios_measurements'",
    );
  const explained = explain(crypto, log.value);
  return ok({ json: explained, text: io.columns === undefined ? renderExplained(explained) : tree(io, explained) });
}

/** By PCR, for a terminal; facts and findings as in the plain text. */
function tree(io: Io, log: ExplainedLog): string {
  const measured = log.events.filter(({ coverage }) => coverage !== 'not-measured');
  const pcrs = [...new Set(measured.map(({ pcr }) => pcr))].toSorted((a, b) => a - b);
  const values = log.bank === undefined ? {} : (log.pcrs[log.bank] ?? {});
  const branches = pcrs.flatMap((pcr) => {
    const events = measured.filter((event) => event.pcr === pcr);
    const value = values[pcr] === undefined ? [] : [`${paint(io, 'dim', '│')} ${paint(io, 'cyan', values[pcr])}`];
    return [
      paint(io, 'bold', pcrName(pcr)),
      ...value,
      ...events.map((event, at) => leaf(io, event, at === events.length - 1)),
      '',
    ];
  });
  const plain = renderExplained(log).split('\n');
  const rest = plain.slice(plain.findIndex((line) => line === 'Facts' || line.startsWith('Findings')));
  return [...plain.slice(0, 3), ...branches, ...rest.map((line) => coloured(io, cut(line, io.columns)))].join('\n');
}

const COVERAGE: Readonly<Record<ExplainedEvent['coverage'], { readonly style: Style; readonly mark: string }>> = {
  hashed: { style: 'green', mark: ' ' },
  partly: { style: 'yellow', mark: '~' },
  unverified: { style: 'yellow', mark: '?' },
  'not-measured': { style: 'dim', mark: '-' },
};

function leaf(io: Io, { index, coverage, description }: ExplainedEvent, last: boolean): string {
  const branch = `${last ? '└' : '├'}─ ${String(index).padStart(3)} `;
  const { style, mark } = COVERAGE[coverage];
  const width = io.columns === undefined ? undefined : io.columns - branch.length - 2;
  return `${paint(io, 'dim', branch)}${paint(io, style, mark)} ${cut(printable(description), width)}`;
}

function coloured(io: Io, line: string): string {
  if (line === 'Facts' || line === 'Findings') return paint(io, 'bold', line);
  if (line === 'Findings: none') return paint(io, 'green', line);
  return /^ {2}log-/.test(line) ? paint(io, 'red', line) : line;
}
