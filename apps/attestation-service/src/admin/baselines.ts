import { randomUuid } from '@sekimori/crypto-core';
import { fromHex } from '@sekimori/bytes';
import type { JsonValue } from '@sekimori/audit-log';
import { type AcceptedLog, parseEventLog, reconcile } from '@sekimori/event-log';
import { type Baseline, captureBaseline as capture, parseBaseline, type QuotedBoot } from '@sekimori/policy';
import type { BaselineShape, RetireReply } from '@sekimori/protocol';
import { describeFault, expectOk, fail, type Fault, ok, type Result } from '@sekimori/result';
import type { BaselineRecord, VerdictRecord } from '@sekimori/store';
import type { AttestationDeps } from '../deps.ts';
import { bootPcrs } from '../attest/ima.ts';
import type { KeptVerdict } from '../attest/verdict-record.ts';
import type { Act } from './hosts.ts';
import { outstanding } from './outstanding.ts';

const MAX_LISTED = 1000;
/** How far back a verdict that was reviewed is looked for. */
const MAX_VERDICTS = 100;

export const listBaselines =
  ({ store }: AttestationDeps) =>
  async (): Promise<readonly BaselineShape[]> =>
    (await store.baselines({ limit: MAX_LISTED })).map(onWire);

/**
 * Widens trust: from now on every host may boot what this host booted when it got the verdict of `traceId`. The administrator
 * names the verdict that was reviewed, since the host may boot something else at any time in between. The boot log is read and reconciled anew with the
 * PCRs that were quoted, so what is captured is what the TPM signed.
 *
 * `evidence-changed`: no such verdict is among the latest.
 */
export const captureBaseline =
  (deps: AttestationDeps) =>
  async (
    request: { readonly name: string; readonly hostId: string; readonly traceId: string },
    act: Act,
  ): Promise<Result<BaselineShape, CaptureFault>> => {
    const host = await deps.store.host(request.hostId);
    if (!host) return fail('unknown-host', 'no host has this identifier');
    const verdicts = await deps.store.verdicts(host.id, MAX_VERDICTS);
    if (verdicts.length === 0) return fail('no-evidence', 'the host has not sent authentic evidence yet');
    const reviewed = verdicts.find(({ verdict }) => (verdict as unknown as KeptVerdict).traceId === request.traceId);
    const bytes = reviewed && (await deps.store.evidence(reviewed.logDigest));
    if (!reviewed || !bytes) return fail('evidence-changed', 'the host has no such verdict among its latest');
    const boot = acceptedAgain(deps, reviewed, bytes);
    if (!boot.ok) return fail('policy-denied', `its boot log does not explain the quote: ${describeFault(boot.fault)}`);
    const at = deps.clock.now();
    const id = randomUuid(deps.crypto);
    const baseline = capture(boot.value.log, boot.value.quote, { id, name: request.name, at });
    if (!baseline.ok) return fail('policy-denied', describeFault(baseline.fault));
    const added = await deps.store.addBaseline({
      baseline: {
        id,
        name: request.name,
        content: { ...baseline.value, hostId: host.id } as unknown as JsonValue,
        addedBy: act.actor,
        addedAt: at,
      },
      audit: {
        at,
        kind: 'baseline.captured',
        ...act,
        subject: `baseline:${id}`,
        body: { name: request.name, hostId: host.id, verdict: request.traceId, pcrs: baseline.value.pcrs },
      },
    });
    return added.ok ? ok(onWire(added.value)) : fail('duplicate-baseline', 'an active baseline has this name');
  };

/** From their next attestation on, hosts that boot it are refused; `applyNow` ends what was certified before. */
export const retireBaseline =
  (deps: AttestationDeps) =>
  async (
    request: { readonly id: string; readonly applyNow?: boolean },
    act: Act,
  ): Promise<Result<RetireReply, Fault<'unknown-baseline'>>> => {
    const { id } = request;
    const at = deps.clock.now();
    const audit = { at, kind: 'baseline.retired', ...act, subject: `baseline:${id}`, body: {} };
    const retired = await deps.store.retireBaseline({ id, by: act.actor, at, audit });
    if (!retired.ok) return retired;
    const ending = await outstanding(deps, request.applyNow === true, `baseline ${id} was retired`, act);
    return ok({ ...onWire(retired.value), ...ending });
  };

type CaptureFault = Fault<'unknown-host' | 'no-evidence' | 'evidence-changed' | 'duplicate-baseline' | 'policy-denied'>;

/** The Reference Value in a record; where it was captured from stands beside it. */
export function baselineOf(record: BaselineRecord): Baseline {
  const { hostId: _, ...content } = record.content as Record<string, JsonValue>;
  return expectOk(parseBaseline(content)); // only captureBaseline writes it
}

function acceptedAgain(
  { crypto }: AttestationDeps,
  verdict: VerdictRecord,
  bytes: Uint8Array,
): Result<{ readonly log: AcceptedLog; readonly quote: QuotedBoot }> {
  const values = new Map(verdict.pcrs.map(({ index, value }) => [index, fromHex(value) ?? new Uint8Array(0)]));
  const quote: QuotedBoot = { ...bootPcrs('sha256', values), clock: { ...verdict.counters, safe: true } };
  const parsed = parseEventLog(bytes);
  if (!parsed.ok) return parsed;
  const log = reconcile(crypto, parsed.value, quote);
  return log.ok ? ok({ log: log.value, quote }) : log;
}

function onWire(record: BaselineRecord): BaselineShape {
  const { hostId } = record.content as { readonly hostId: string };
  return {
    id: record.id,
    name: record.name,
    state: record.retiredAt ? 'retired' : 'active',
    hostId,
    capturedAt: record.addedAt.toISOString(),
    capturedBy: record.addedBy,
    pcrs: Object.entries(baselineOf(record).pcrs).map(([index, value]) => ({ index: Number(index), value })),
  };
}
