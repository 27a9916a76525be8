import { attestationRoutes as routes, type HostDetail, type HostStatus, type VerdictShape } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
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
    const found = await findHost(services, host);
    if (!found.ok) return found;
    const { id, name, ekFingerprint } = found.value;
    const compared = options.fingerprint === undefined ? await compare() : bareHex(options.fingerprint);
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

/** By id or name. */
export async function findHost(services: Services, host: string): Promise<Result<HostStatus, CommandFault>> {
  for await (const page of hostPages(services)) {
    if (!page.ok) return page;
    const found = page.value.find(({ id, name }) => id === host || name === host);
    if (found) return ok(found);
  }
  return refuse('unknown-host', `there is no host ${printable(host)}`, "see 'sekimori host list'");
}

async function* hostPages({ attestation }: Services): AsyncGenerator<Result<readonly HostStatus[], CommandFault>> {
  let after: string | undefined;
  do {
    const query = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const page = answered(await attestation.call(routes.listHosts, { query }));
    yield page.ok ? ok(page.value.hosts) : page;
    if (!page.ok) return;
    const { hosts } = page.value;
    after = hosts.length === PAGE ? hosts.at(-1)?.name : undefined; // pages go by name
  } while (after !== undefined);
}

function describeHost(io: Io, host: HostDetail): string {
  const [ek] = host.endorsementKeys;
  const about = fields([
    ['Name', host.name],
    ['State', host.state],
    ['Id', host.id],
    ['EK fingerprint', host.ekFingerprint],
    ['TPM', ek && `${ek.manufacturer} ${ek.model}, firmware ${host.properties.firmware}`],
    ['TPM trusted by', ek?.trustedBy],
    ['AK name', host.attestationKeyName],
    ['Enrolled', shortTime(host.enrolledAt)],
    ['Approved', host.approvedAt && `${shortTime(host.approvedAt)} by ${host.approvedBy ?? '?'}`],
    ['Revoked', host.revokedAt && shortTime(host.revokedAt)],
  ]).replace(
    /^(State +)(.*)$/m,
    (_, label: string, state: HostStatus['state']) => `${label}${paint(io, STATE_STYLE[state], state)}`,
  );
  const verdicts = host.verdicts.flatMap((verdict) => describeVerdict(io, verdict));
  return [about, ...(verdicts.length === 0 ? [] : ['', 'Latest verdicts, newest first', ...verdicts])].join('\n');
}

function describeVerdict(io: Io, verdict: VerdictShape): readonly string[] {
  const word = paint(io, verdict.good ? 'green' : 'red', verdict.code);
  const findings = verdict.findings.flatMap((finding) => [
    `    ${paint(io, finding.effect === 'refuse' ? 'red' : 'yellow', finding.subStatus)}  ${printable(finding.detail)}`,
    ...pair('expected', finding.expected),
    ...pair('actual', finding.actual),
    ...(finding.event ? pair('event', eventText(finding.event)) : []),
  ]);
  return [`  ${shortTime(verdict.at)}  ${word}  trace ${printable(verdict.traceId)}`, ...findings];
}

function pair(name: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [`      ${name.padEnd(8)} ${printable(value)}`];
}

function eventText(event: NonNullable<VerdictShape['findings'][number]['event']>): string {
  const { type, description } = event.actual ?? event.expected ?? { type: '?', description: '' };
  return `${event.index} ${type}: ${description}`;
}
