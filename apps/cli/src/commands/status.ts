import {
  attestationRoutes,
  type AttestationStatus,
  type AnyRoute,
  keyProtectionRoutes,
  type KeyProtectionStatus,
  type ReplyOf,
} from '@sekimori/protocol';
import { type Client, OutageError } from '@sekimori/client';
import { describeFault, ok } from '@sekimori/result';
import type { Io } from '../io.ts';
import type { Answer, Context } from '../outcome.ts';
import { fields, paint, printable, shortTime } from '../output/text.ts';
import { withServices } from './services.ts';

/** What a service says of itself, or why it says nothing. */
type Seen<S> = { readonly url: string } & (
  | ({ readonly reachable: true } & S)
  | { readonly reachable: false; readonly code: string; readonly why: string }
);

export function showStatus({ data, io }: Context): Answer {
  return withServices(data, async ({ attestation, keyProtection, addresses }) => {
    const seen = {
      attestation: await look(attestation, attestationRoutes.attestationStatus, addresses.attestation),
      keyProtection: await look(keyProtection, keyProtectionRoutes.keyProtectionStatus, addresses.keyProtection),
    };
    const bad = !seen.attestation.reachable || !seen.keyProtection.reachable;
    const text = [
      section(io, 'Attestation service', seen.attestation, attestationFacts),
      section(io, 'Key protection service', seen.keyProtection, keyProtectionFacts),
    ].join('\n\n');
    const notes = bad ? [`To start both here: sekimori serve --data ${data}`] : [];
    return ok({ json: seen, text, notes, bad });
  });
}

async function look<R extends AnyRoute & { readonly params?: undefined; readonly body?: undefined }>(
  client: Client,
  route: R,
  url: string,
): Promise<Seen<ReplyOf<R>>> {
  try {
    const reply = await client.call<AnyRoute>(route);
    if (reply.ok) return { url, reachable: true, ...(reply.value as ReplyOf<R>) };
    return { url, reachable: false, code: reply.fault.code, why: describeFault(reply.fault) };
  } catch (error) {
    if (!(error instanceof OutageError)) throw error;
    return { url, reachable: false, code: 'unreachable', why: error.message };
  }
}

type Facts = readonly (readonly [string, string | number])[];

function section<S extends { readonly insecure: readonly string[] }>(
  io: Io,
  title: string,
  seen: Seen<S>,
  facts: (status: S) => Facts,
): string {
  const head = `${paint(io, 'bold', title)}  ${printable(seen.url)}`;
  if (!seen.reachable) return `${head}\n  ${paint(io, 'red', 'not reachable')}: ${printable(seen.why)}`;
  const lines = fields(facts(seen)).split('\n');
  const warnings = seen.insecure.map((what) => paint(io, 'yellow', `insecure: ${printable(what)}`));
  return [head, ...[...lines, ...warnings].map((line) => `  ${line}`)].join('\n');
}

function attestationFacts(status: AttestationStatus): Facts {
  const hosts = Object.entries(status.hosts).map(([state, count]) => `${count} ${state}`);
  return [
    ['Service id', status.serviceId],
    ['Version', status.version],
    ['Running since', shortTime(status.startedAt)],
    ['Hosts', hosts.join(', ')],
    ['Baselines', `${status.activeBaselines} active`],
    ['Policy version', status.policyVersion],
    ['Signer until', shortTime(status.signer.notAfter)],
    ['Revocations', `number ${status.revocationNumber}`],
    ['Audit log', `${status.audit.index} entries`],
  ];
}

function keyProtectionFacts(status: KeyProtectionStatus): Facts {
  const { number, ageSeconds } = status.revocations;
  return [
    ['Guardian', status.guardian.name],
    ['Fingerprint', status.guardian.fingerprint],
    ['Version', status.version],
    ['Running since', shortTime(status.startedAt)],
    ['Minimum level', status.minimumLevel],
    ['Signers trusted', status.signers],
    ['Revocations', ageSeconds < 0 ? 'none yet: nothing is released' : `number ${number}, ${ageSeconds} s old`],
    ['Releases', status.releases],
    ['Audit log', `${status.audit.index} entries`],
  ];
}
