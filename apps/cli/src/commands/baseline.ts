import { attestationRoutes as routes, type RetireReply, type VerdictShape } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import { identifierIn } from '../data/identifier.ts';
import { type Answer, type CommandFault, type Context, refuse } from '../outcome.ts';
import { printable, shortTime, table } from '../output/text.ts';
import { describeVerdict, findHost } from './host.ts';
import { endingOf } from './policy.ts';
import { answered, type Services, withServices } from './services.ts';

/**
 * Captures the boot that the administrator has seen, by the trace id of its verdict: the one given, or the newest, which is shown
 * here. A host that boots something else in between changes nothing about that.
 */
export function captureBaseline(
  context: Context,
  host: string,
  options: { readonly name: string; readonly traceId?: string },
): Answer {
  return withServices(context.data, async (services) => {
    const found = await findHost(services, host);
    if (!found.ok) return found;
    const reviewed = options.traceId === undefined ? await review(context, services, found.value) : ok(options.traceId);
    if (!reviewed.ok) return reviewed;
    const body = { name: options.name, hostId: found.value.id, traceId: reviewed.value };
    const captured = answered(await services.attestation.call(routes.captureBaseline, { body }));
    if (!captured.ok) return captured;
    const { name, id, pcrs } = captured.value;
    const numbers = pcrs.map(({ index }) => index).join(', ');
    return ok({
      json: captured.value,
      text: `baseline ${name} (${id}): the boot of ${found.value.name} with trace ${printable(reviewed.value)}, PCRs ${numbers}`,
    });
  });
}

/** Shows the newest boot; at a terminal it waits for a yes. */
async function review(
  { io, json }: Context,
  { attestation }: Services,
  { id, name }: { readonly id: string; readonly name: string },
): Promise<Result<string, CommandFault>> {
  const detail = answered(await attestation.call(routes.showHost, { params: { id } }));
  if (!detail.ok) return detail;
  const [newest] = detail.value.verdicts;
  if (!newest)
    return refuse(
      'no-evidence',
      `${name} has not sent authentic evidence yet`,
      "run 'sekimori-host attest' on it: it is refused, and its boot is kept",
    );
  if (!json) io.tell(`${[`The boot of ${name}, and how it differs:`, ...bootLines(io, newest)].join('\n')}\n`);
  if (!io.ask || json) return ok(newest.traceId);
  const said = await io.ask(`Accept this boot from every host? Type 'yes': `);
  return said.trim() === 'yes'
    ? ok(newest.traceId)
    : refuse('not-confirmed', 'no baseline was captured', "see 'sekimori host show' and 'sekimori explain'");
}

function bootLines(io: Context['io'], verdict: VerdictShape): readonly string[] {
  return [
    ...describeVerdict(io, verdict),
    ...verdict.pcrs.map(({ index, value }) => `    PCR ${String(index).padEnd(2)} ${value}`),
  ];
}

export function listBaselines({ data, io }: Context): Answer {
  return withServices(data, async ({ attestation }) => {
    const reply = answered(await attestation.call(routes.listBaselines));
    if (!reply.ok) return reply;
    const { baselines } = reply.value;
    if (baselines.length === 0)
      return ok({
        json: { baselines },
        text: '',
        notes: ["No baseline yet, so no host passes: 'sekimori baseline capture --help'"],
      });
    const rows = baselines.map(({ name, state, capturedAt, id }) => [name, state, shortTime(capturedAt), id]);
    return ok({ json: { baselines }, text: table(io, ['NAME', 'STATE', 'CAPTURED', 'ID'], rows) });
  });
}

/** By id, or by the name of an active one. */
export function retireBaseline({ data }: Context, baseline: string, options: { readonly applyNow?: boolean }): Answer {
  return withServices(data, async ({ attestation }) => {
    const id = await idOf(attestation, baseline);
    if (!id.ok) return id;
    const reply = await attestation.call(routes.retireBaseline, {
      params: { id: id.value },
      body: { applyNow: options.applyNow === true },
    });
    const retired = answered<RetireReply>(reply);
    if (!retired.ok) return retired;
    const text = `${retired.value.name} is retired: from its next attestation on, a host that boots it is refused`;
    return ok({ json: retired.value, text: `${text}\n${endingOf(retired.value)}` });
  });
}

async function idOf(attestation: Services['attestation'], baseline: string): Promise<Result<string, CommandFault>> {
  const id = identifierIn(baseline);
  if (id !== undefined) return ok(id);
  const list = answered(await attestation.call(routes.listBaselines));
  if (!list.ok) return list;
  const found = list.value.baselines.find(({ name, state }) => name === baseline && state === 'active');
  return found
    ? ok(found.id)
    : refuse('unknown-baseline', `there is no active baseline ${printable(baseline)}`, "see 'sekimori baseline list'");
}
