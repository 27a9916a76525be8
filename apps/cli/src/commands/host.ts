import { attestationRoutes as routes, type HostDetail, type HostStatus, type VerdictShape } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import { identifierIn } from '../data/identifier.ts';
import type { Io } from '../io.ts';
import { type Answer, type CommandFault, type Context, refuse } from '../outcome.ts';
import { fields, paint, printable, shortTime, type Style, table } from '../output/text.ts';
import { bareHex } from './fingerprint.ts';
import { answered, type Services, withServices } from './services.ts';

const PAGE = 1000;
const STATE_STYLE: Readonly<Record<HostStatus['state'], Style>> = {
  pending: 'yellow',
  approved: 'cyan',
  active: 'green',
  revoked: 'red',
};

export function listHosts({ data, io }: Context): Answer {
  return withServices(data, async (services) => {
    const hosts: HostStatus[] = [];
    for await (const page of hostPages(services)) {
      if (!page.ok) return page;
      hosts.push(...page.value);
    }
    if (hosts.length === 0) return ok({ json: { hosts }, text: '', notes: [NO_HOST] });
    return ok({
      json: { hosts },
      text: table(
        io,
        ['NAME', 'STATE', 'ID'],
        hosts.map(({ name, state, id }) => [name, state, id]),
      ),
    });
  });
}

const NO_HOST = "No host yet. On a host: 'sekimori-host identity --help'";

export function showHost({ data, io }: Context, host: string): Answer {
  return withServices(data, async (services) => {
    const found = await findHost(services, host);
    if (!found.ok) return found;
    const detail = answered(await services.attestation.call(routes.showHost, { params: { id: found.value.id } }));
    return detail.ok ? ok({ json: detail.value, text: describeHost(io, detail.value) }) : detail;
  });
}

/** The fingerprint must come from the machine itself: without it nothing is approved. */
export function approveHost(
  { data, io, json }: Context,
  host: string,
  options: { readonly fingerprint?: string },
): Answer {
  return withServices(data, async (services) => {
    const given = options.fingerprint === undefined ? undefined : bareHex(options.fingerprint);
    const found = await findHost(services, host, ({ state, ekFingerprint: shown }) => {
      return state === 'pending' && (given === undefined || given === shown);
    });
    if (!found.ok) return found;
    const { id, name, ekFingerprint } = found.value;
    const compared = given ?? (await compare());
    if (compared === undefined)
      return refuse(
        'fingerprint-missing',
        `${name} was not approved: the fingerprint of its endorsement key is ${ekFingerprint}`,
        `compare it with 'sekimori-host identity' at the machine itself, then: sekimori host approve ${name} --fingerprint HEX`,
      );
    const reply = await services.attestation.call(routes.approveHost, {
      params: { id },
      body: { ekFingerprint: compared },
    });
    const approved = answered(reply);
    return approved.ok ? ok({ json: approved.value, text: `${name} is approved` }) : approved;

    async function compare(): Promise<string | undefined> {
      if (!io.ask || json) return undefined;
      io.tell(`The endorsement key of ${name} has the fingerprint\n  ${ekFingerprint}\n`);
      const said = await io.ask(`Does 'sekimori-host identity' at the machine itself show the same? Type 'yes': `);
      return said.trim() === 'yes' ? ekFingerprint : undefined;
    }
  });
}

export function revokeHost({ data }: Context, host: string, options: { readonly reason: string }): Answer {
  return withServices(data, async (services) => {
    const found = await findHost(services, host);
    if (!found.ok) return found;
    const { id, name } = found.value;
    const reply = await services.attestation.call(routes.revokeHost, {
      params: { id },
      body: { reason: options.reason },
    });
    const revoked = answered(reply);
    if (!revoked.ok) return revoked;
    const text = `${name} is revoked; within seconds no key is released to it`;
    return ok({
      json: revoked.value,
      text,
      notes: ['Keys that it was given before stay with it: re-encrypt disks after a compromise.'],
    });
  });
}

/** For a machine whose TPM or name comes back: it is enrolled, approved and proven anew. */
export function removeHost({ data }: Context, host: string): Answer {
  return withServices(data, async (services) => {
    const found = await findHost(services, host, ({ state }) => state === 'revoked');
    if (!found.ok) return found;
    const { id, name } = found.value;
    const removed = answered(await services.attestation.call(routes.removeHost, { params: { id } }));
    if (!removed.ok) return removed;
    const text = `${name} is removed: its name and its TPM can be enrolled anew`;
    return ok({ json: removed.value, text, notes: [`It stays revoked, and is shown by its id: ${id}`] });
  });
}

/**
 * By id, if it has the form of one, else by name. Hosts choose their names themselves, and a name belongs to one host from its
 * approval on only: those that wait may have it too, so the preferred ones come first, and of several none is taken.
 */
export async function findHost(
  services: Services,
  host: string,
  preferred: (host: HostStatus) => boolean = ({ state }) => state !== 'pending',
): Promise<Result<HostStatus, CommandFault>> {
  const id = identifierIn(host);
  if (id !== undefined) return answered(await services.attestation.call(routes.showHost, { params: { id } }));
  const named: HostStatus[] = [];
  for await (const page of hostPages(services)) {
    if (!page.ok) return page;
    named.push(...page.value.filter(({ name }) => name === host));
  }
  const first = named.filter(preferred);
  const [found, ...others] = first.length > 0 ? first : named;
  if (!found) return refuse('unknown-host', `there is no host ${printable(host)}`, "see 'sekimori host list'");
  if (others.length === 0) return ok(found);
  const ids = [found, ...others].map((each) => `${each.id} (${each.state}, EK ${each.ekFingerprint})`).join(', ');
  return refuse('ambiguous-name', `${host} is the name of several hosts: ${ids}`, 'name the one you mean by its id');
}

async function* hostPages({ attestation }: Services): AsyncGenerator<Result<readonly HostStatus[], CommandFault>> {
  let after: string | undefined;
  do {
    const query = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const page = answered(await attestation.call(routes.listHosts, { query }));
    yield page.ok ? ok(page.value.hosts) : page;
    if (!page.ok) return;
    const { hosts } = page.value;
    after = hosts.length === PAGE ? hosts.at(-1)?.id : undefined; // pages go by id
  } while (after !== undefined);
}

function describeHost(io: Io, host: HostDetail): string {
  const [ek] = host.endorsementKeys;
  const findings = host.endorsementKeys.flatMap((key) => key.findings);
  const about = fields([
    ['Name', host.name],
    ['State', host.state],
    ['Id', host.id],
    ['EK fingerprint', host.ekFingerprint],
    [
      'TPM',
      ek && `${ek.vendor ?? 'unknown vendor'} (${ek.manufacturer}) ${ek.model}, firmware ${host.properties.firmware}`,
    ],
    ['TPM trusted by', ek?.trustedBy],
    ['EK certificate', findings.length === 0 ? undefined : findings.join('; ')],
    ['AK name', host.attestationKeyName],
    ['Enrolled', shortTime(host.enrolledAt)],
    ['Approved', host.approvedAt && `${shortTime(host.approvedAt)} by ${host.approvedBy ?? '?'}`],
    ['Revoked', host.revokedAt && shortTime(host.revokedAt)],
    ['Removed', host.removedAt && shortTime(host.removedAt)],
  ]).replace(
    /^(State +)(.*)$/m,
    (_, label: string, state: HostStatus['state']) => `${label}${paint(io, STATE_STYLE[state], state)}`,
  );
  const verdicts = host.verdicts.flatMap((verdict) => describeVerdict(io, verdict));
  return [about, ...(verdicts.length === 0 ? [] : ['', 'Latest verdicts, newest first', ...verdicts])].join('\n');
}

export function describeVerdict(io: Pick<Io, 'colours'>, verdict: VerdictShape): readonly string[] {
  const word = paint(io, verdict.good ? 'green' : 'red', verdict.code);
  const findings = verdict.findings.flatMap((finding) => [
    `    ${paint(io, finding.effect === 'refuse' ? 'red' : 'yellow', finding.subStatus)}  ${printable(finding.detail)}`,
    ...pair('expected', finding.expected),
    ...pair('actual', finding.actual),
    ...(finding.event ? pair('event', eventText(finding.event)) : []),
  ]);
  const ima = verdict.ima ? [`    IMA: ${imaText(verdict.ima)}`] : [];
  return [`  ${shortTime(verdict.at)}  ${word}  trace ${printable(verdict.traceId)}`, ...findings, ...ima];
}

function imaText({ entries, violations, extended }: NonNullable<VerdictShape['ima']>): string {
  const old = extended === 'padded-sha1' ? ', extended as SHA-1 alone' : '';
  return `${entries} entries up to the quote, ${violations} violations${old}; no policy judges them`;
}

function pair(name: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [`      ${name.padEnd(8)} ${printable(value)}`];
}

function eventText(event: NonNullable<VerdictShape['findings'][number]['event']>): string {
  const { type, description } = event.actual ?? event.expected ?? { type: '?', description: '' };
  return `${event.index} ${type}: ${description}`;
}
