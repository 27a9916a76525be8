import { visible } from './describe.ts';
import type { ExplainedLog } from './explain.ts';
import type { Facts } from './facts.ts';

/** The explained log as lines of plain text: events, replayed PCRs, facts, findings. */
export function renderExplained(log: ExplainedLog): string {
  return [
    `${log.format} log, banks ${log.banks.join(', ')}, ${log.events.length} events`,
    log.authenticated ? 'A quote vouches for it.' : 'No quote vouches for it: all of this is the log’s own word.',
    '',
    ...eventLines(log),
    ...pcrLines(log),
    ...(log.facts ? factLines(log.facts) : []),
    ...findingLines(log),
  ].join('\n');
}

function eventLines({ events, bank }: ExplainedLog): readonly string[] {
  const shorts = { hashed: ' ', partly: '~', unverified: '?', 'not-measured': '-' } as const;
  const width = Math.max(...events.map((event) => event.type.length));
  return [
    'Events   (~ a name or prefix is not covered by the digest, ? the digest is of something else, - not measured)',
    ...events.map((event) => {
      const digest = (bank === undefined ? undefined : event.digests[bank]) ?? '';
      const pcr = event.coverage === 'not-measured' ? '' : `${event.pcr}`;
      return `${`${event.index}`.padStart(5)} ${pcr.padStart(3)} ${event.type.padEnd(width)} ${digest.slice(0, 16).padEnd(16)} ${shorts[event.coverage]} ${event.description}`;
    }),
    '',
  ];
}

function pcrLines({ pcrs }: ExplainedLog): readonly string[] {
  return Object.entries(pcrs).flatMap(([bank, values]) => [
    `PCRs, ${bank}`,
    ...Object.entries(values).map(([pcr, value]) => `${pcr.padStart(5)} ${value}`),
    '',
  ]);
}

function factLines(facts: Facts): readonly string[] {
  const because = (events: readonly number[]) => (events.length === 0 ? '' : `   [events ${events.join(', ')}]`);
  const objects = facts.bootApplications.map(
    ({ digest, events }) => `  image               ${digest}${because(events)}`,
  );
  const authorities = facts.authorities.map(
    ({ name, digest, events }) => `  authority           ${name} ${digest}${because(events)}`,
  );
  const sections = facts.ukiSections.map(
    ({ name, digest, events }) => `  UKI section         ${name} ${digest}${because(events)}`,
  );
  const lines = facts.commandLines.map((line) =>
    line.source === 'uki'
      ? `  command line        of the UKI, digest ${line.digest}${because(line.events)}`
      : `  command line        ${visible(line.text)}${because(line.events)}`,
  );
  const { secureBoot, debugMode, dmaProtection, boot } = facts;
  return [
    'Facts',
    `  Secure Boot         ${secureBoot.state}${because(secureBoot.events)}`,
    `  UEFI debug mode     ${debugMode.state}${because(debugMode.events)}`,
    `  DMA protection      ${dmaProtection.state}${because(dmaProtection.events)}`,
    `  separators          PCRs ${boot.separators.join(', ')}`,
    `  ExitBootServices    ${boot.exitBootServices}`,
    ...authorities,
    ...objects,
    ...sections,
    ...lines,
    '',
  ];
}

function findingLines({ findings }: ExplainedLog): readonly string[] {
  if (findings.length === 0) return ['Findings: none'];
  return ['Findings', ...findings.map(({ code, detail }) => `  ${code}: ${visible(detail)}`)];
}
