import { attestationRoutes as routes } from '@sekimori/protocol';
import { ok } from '@sekimori/result';
import { type Answer, type Context, refuse } from '../outcome.ts';
import { printable, shortTime, table } from '../output/text.ts';
import { findHost } from './host.ts';
import { answered, withServices } from './services.ts';

export function captureBaseline({ data }: Context, host: string, options: { readonly name: string }): Answer {
  return withServices(data, async (services) => {
    const found = await findHost(services, host);
    if (!found.ok) return found;
    const body = { name: options.name, hostId: found.value.id };
    const captured = answered(await services.attestation.call(routes.captureBaseline, { body }));
    if (!captured.ok) return captured;
    const { name, id, pcrs } = captured.value;
    const numbers = pcrs.map(({ index }) => index).join(', ');
    return ok({
      json: captured.value,
      text: `baseline ${name} (${id}): the last boot of ${found.value.name}, PCRs ${numbers}`,
    });
  });
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
export function retireBaseline({ data }: Context, baseline: string): Answer {
  return withServices(data, async ({ attestation }) => {
    const list = answered(await attestation.call(routes.listBaselines));
    if (!list.ok) return list;
    const found = list.value.baselines.find(
      ({ id, name, state }) => id === baseline || (name === baseline && state === 'active'),
    );
    if (!found)
      return refuse(
        'unknown-baseline',
        `there is no active baseline ${printable(baseline)}`,
        "see 'sekimori baseline list'",
      );
    const retired = answered(await attestation.call(routes.retireBaseline, { params: { id: found.id } }));
    return retired.ok
      ? ok({ json: retired.value, text: `${found.name} is retired: no boot is accepted for it any more` })
      : retired;
  });
}
