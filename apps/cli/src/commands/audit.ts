import {
  type AuditEntry,
  type Checkpoint,
  EMPTY_LOG,
  formatCheckpoint,
  parseCheckpoint,
  verifyEntries,
} from '@sekimori/audit-log';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { attestationRoutes, keyProtectionRoutes } from '@sekimori/protocol';
import { describeFault, fail, type Fault, ok, type Result } from '@sekimori/result';
import { type Answer, type CommandFault, type Context, misuse } from '../outcome.ts';
import { counted, paint, printable, shortTime } from '../output/text.ts';
import { answered, type Services, withServices } from './services.ts';

export const AUDITED = ['attestation', 'key-protection'] as const;
export type Audited = (typeof AUDITED)[number];

interface Page {
  readonly entries: readonly AuditEntry[];
  readonly head: Checkpoint;
}

/** The newest entries, or those after a number. */
export function listAudit(
  { data, io }: Context,
  options: { readonly service: Audited; readonly after?: number; readonly limit: number },
): Answer {
  return withServices(data, async (services) => {
    const { service, limit } = options;
    let { after } = options;
    if (after === undefined) {
      const newest = await pageOf(services, service, { after: 0, limit: 1 });
      if (!newest.ok) return newest;
      after = Math.max(0, newest.value.head.index - limit);
    }
    const page = await pageOf(services, service, { after, limit });
    if (!page.ok) return page;
    const { entries, head } = page.value;
    const lines = entries.map((entry) => {
      const trace = entry.traceId === undefined ? '' : `, trace ${printable(entry.traceId)}`;
      return `${paint(io, 'bold', String(entry.index).padStart(6))}  ${shortTime(entry.at)}  ${printable(entry.kind)}\n        ${printable(entry.subject)} by ${printable(entry.actor)}${trace}`;
    });
    const notes = [`${counted(entries.length, 'entry', 'entries')} of ${head.index}; --json shows all of each.`];
    return ok({ json: { service, entries, head }, text: lines.join('\n'), notes });
  });
}

interface Verified {
  readonly service: Audited;
  readonly ok: boolean;
  readonly entries: number;
  /** To be kept: a later verify against it shows truncation and rewriting. */
  readonly checkpoint: string;
  readonly fault?: Fault;
}

/** Reads the whole log and computes its chain anew. */
export function verifyAudit(
  { data, io }: Context,
  options: { readonly service?: Audited; readonly checkpoint?: string },
): Answer {
  return withServices(data, async (services) => {
    if (options.checkpoint !== undefined && options.service === undefined)
      return misuse(
        '--checkpoint needs --service: each service has a log of its own',
        "see 'sekimori audit verify --help'",
      );
    const kept = options.checkpoint === undefined ? ok(undefined) : parseCheckpoint(options.checkpoint);
    if (!kept.ok) return misuse(`--checkpoint: ${kept.fault.detail}`, 'give it as verify printed it');
    const logs: Verified[] = [];
    for (const service of options.service === undefined ? AUDITED : [options.service]) {
      const log = await verifyLog(services, service, kept.value);
      if (!log.ok) return log;
      logs.push(log.value);
    }
    const text = logs
      .map((log) =>
        log.fault
          ? `${log.service}: ${paint(io, 'red', 'BROKEN')}  ${describeFault(log.fault)}`
          : `${log.service}: ${paint(io, 'green', 'holds')}, ${counted(log.entries, 'entry', 'entries')}\n  ${log.checkpoint}`,
      )
      .join('\n');
    const bad = logs.some((log) => !log.ok);
    const notes = bad
      ? [
          'Either somebody changed the log, or the checkpoint is of another: keep the database and its backups as they are.',
        ]
      : [
          'Keep the last line of each elsewhere: --service S --checkpoint LINE shows later whether the log was cut or rewritten.',
        ];
    return ok({ json: { logs }, text, notes, bad });
  });
}

const PAGE = 200;

async function verifyLog(
  services: Services,
  service: Audited,
  kept: Checkpoint | undefined,
): Promise<Result<Verified, CommandFault>> {
  let head = EMPTY_LOG;
  const broken = (fault: Fault): Result<Verified> =>
    ok({ service, ok: false, entries: head.index, checkpoint: formatCheckpoint(head), fault });
  for (;;) {
    const page = await pageOf(services, service, { after: head.index, limit: PAGE });
    if (!page.ok) return page;
    const { entries, head: claimed } = page.value;
    const end = head.index + entries.length;
    const meets = kept && kept.index >= head.index && kept.index <= end;
    const verified = verifyEntries(crypto, entries, { from: head, ...(meets ? { to: kept } : {}) });
    if (!verified.ok) return broken(verified.fault);
    head = verified.value;
    if (entries.length > 0) continue;
    if (claimed.index !== head.index || claimed.hash !== head.hash)
      return broken(
        fail('log-truncated', `the service says that its log ends at ${claimed.index}; it ends at ${head.index}`).fault,
      );
    if (kept && kept.index > head.index)
      return broken(
        fail('log-truncated', `it ends at ${head.index}; a checkpoint of index ${kept.index} was kept`).fault,
      );
    return ok({ service, ok: true, entries: head.index, checkpoint: formatCheckpoint(head) });
  }
}

async function pageOf(
  { attestation, keyProtection }: Services,
  service: Audited,
  query: { readonly after: number; readonly limit: number },
): Promise<Result<Page, CommandFault>> {
  const reply =
    service === 'attestation'
      ? await attestation.call(attestationRoutes.listAudit, { query })
      : await keyProtection.call(keyProtectionRoutes.listKeyProtectionAudit, { query });
  const page = answered(reply);
  // The body of an entry is any JSON; verifyEntries takes no other.
  return page.ok
    ? ok({ entries: page.value.entries as unknown as readonly AuditEntry[], head: page.value.head })
    : page;
}
