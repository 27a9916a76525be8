import type { HostStatus } from '@sekimori/protocol';
import { ok, type Result } from '@sekimori/result';
import type { StartFault } from '@sekimori/service-kit/program';
import { activate } from '../../activate.ts';
import type { ConnectedHost } from '../../connect.ts';
import { adoptEnrolment, enrol, enrolmentStatus } from '../../enrol.ts';
import type { HostFault } from '../../faults.ts';
import { hostIdentity } from '../../identity.ts';
import type { CommandResult, Invocation } from '../command.ts';
import type { HostState } from '../../state/state.ts';
import type { IdentityOptions } from '../identity.ts';
import { table } from '../table.ts';

export async function identityAction(
  host: ConnectedHost,
  { options }: Invocation<IdentityOptions>,
): Promise<CommandResult> {
  if (options.hostId !== undefined && options.enrol !== true)
    return { ok: false, fault: { code: 'usage', detail: '--host-id needs --enrol', hint: 'add --enrol' } };
  const kept = stateOf(host, options.service);
  if (!kept.ok) return kept;
  const identity = await hostIdentity(host.tpm);
  if (!identity.ok) return identity;
  const enrolled = options.enrol ? await nextStepOfEnrolment(host, options) : await enrolmentAtHand(kept.value);
  if (!enrolled.ok) return enrolled;
  const { id, name, state }: Partial<HostStatus> = enrolled.value ?? {};
  const { ekFingerprint, ekCertificate, tpm, akName } = identity.value;
  const known = { name: name ?? host.settings.name, ...(id && { hostId: id }), ...(state && { state }) };
  return ok({
    document: { ...known, ...identity.value },
    lines: table({
      name: known.name,
      'host id': id,
      enrolment: state ?? (id === undefined ? 'none' : undefined),
      'EK fingerprint': ekFingerprint,
      'EK certificate':
        ekCertificate.subject === '' ? 'without a subject, as the profile allows' : ekCertificate.subject,
      'issued by': ekCertificate.issuer,
      TPM: `${tpm.manufacturer}${tpm.model === undefined ? '' : ` ${tpm.model}`}, firmware ${tpm.firmware}`,
      'AK name': akName,
    }),
    next: adviceFor(known.name, id, state),
  });
}

/** What is kept of a service: the first, or the one of this name. */
function stateOf({ states }: ConnectedHost, name: string | undefined): Result<HostState, StartFault> {
  const [first] = states.values();
  const state = name === undefined ? first : states.get(name);
  if (state) return ok(state);
  const detail = `no attestation service is called '${name}'`;
  return {
    ok: false,
    fault: { code: 'service-not-configured', detail, hint: `one of ${[...states.keys()].join(', ')}` },
  };
}

/** What is kept here; the service is not asked. */
async function enrolmentAtHand(
  state: HostState,
): Promise<Result<Pick<HostStatus, 'id' | 'name'> | undefined, HostFault>> {
  const kept = await state.enrolment();
  if (!kept.ok) return kept;
  return ok(kept.value && { id: kept.value.hostId, name: kept.value.name });
}

/** Enrols, or asks how far the enrolment is; an approved host is activated. */
async function nextStepOfEnrolment(
  host: ConnectedHost,
  { hostId, service }: IdentityOptions,
): Promise<Result<HostStatus, HostFault | StartFault>> {
  const deps = await host.atService(service);
  if (!deps.ok) return deps;
  const kept = await deps.value.state.enrolment();
  if (!kept.ok) return kept;
  const known = kept.value && hostId === undefined ? await enrolmentStatus(deps.value) : undefined;
  // Nobody approved it in time, and the service has forgotten it.
  const isForgotten = known?.ok === false && known.fault.code === 'unknown-host';
  const status = known && !isForgotten ? known : await begin(host, deps.value, hostId);
  return status.ok && status.value.state === 'approved' ? activate(deps.value) : status;
}

async function begin(
  host: ConnectedHost,
  deps: Parameters<typeof enrol>[0],
  hostId: string | undefined,
): Promise<Result<HostStatus, HostFault | StartFault>> {
  if (hostId !== undefined) return adoptEnrolment(deps, hostId);
  const intermediates = await host.endorsementIntermediates();
  if (!intermediates.ok) return intermediates;
  return enrol(deps, { name: host.settings.name, intermediates: intermediates.value });
}

function adviceFor(name: string, id: string | undefined, state: HostStatus['state'] | undefined): string {
  switch (state) {
    case 'pending':
      return `an HGS administrator compares the EK fingerprint with the one shown here and approves ${name} ('sekimori host approve'); then run 'sekimori-host identity --enrol' again`;
    case 'active':
      return "'sekimori-host attest'";
    case 'revoked':
      return `an HGS administrator revoked ${name}: ask there`;
    default:
      return id === undefined
        ? "'sekimori-host identity --enrol' asks the attestation service to enrol this host"
        : "'sekimori-host identity --enrol' asks how far the enrolment is, and completes it";
  }
}
