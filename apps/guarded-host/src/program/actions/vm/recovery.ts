import { readFile } from 'node:fs/promises';
import { fromBase64Url, toBase64Url, toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { ok } from '@sekimori/result';
import { writePrivateFile } from '@sekimori/service-kit/program';
import type { AgentClient } from '../../../agent/client.ts';
import type { HostSettings } from '../../../config.ts';
import { hostFault } from '../../../faults.ts';
import { answerRecovery, openRecovery, openRecoveryRequest, signBootPolicy } from '../../../guest-disk/index.ts';
import { vmRoutes } from '../../../vm/api.ts';
import { vmPaths } from '../../../vm/folder/layout.ts';
import type { CommandResult, Invocation } from '../../command.ts';
import { table } from '../../table.ts';
import type { RecoverOptions, RecoveryAnswerOptions, RecoveryRequestOptions } from '../../vm.ts';
import { theAgent } from './agent.ts';
import { fileGiven } from './files.ts';
import { vmOfOwner } from './owner.ts';

export async function requestAction(
  agent: AgentClient,
  { args: [name = ''], options: { out } }: Invocation<RecoveryRequestOptions>,
): Promise<CommandResult> {
  const asked = await agent.call(vmRoutes.recoveryRequest, { params: { name } });
  if (!asked.ok) return asked;
  const request = fromBase64Url(asked.value.request);
  if (!request) return hostFault('service-unexpected', 'the answer of the agent is not base64url');
  const written = await writePrivateFile(out, request);
  if (!written.ok) return written;
  return ok({
    document: { name, file: out },
    lines: [out],
    next: 'its owner looks at it and answers: sekimori-host vm recover',
  });
}

/** The owner's side; no agent, no service. */
export async function recoverAction(
  settings: HostSettings,
  { args: [name = ''], options, env }: Invocation<RecoverOptions>,
): Promise<CommandResult> {
  const given = await fileGiven('--request', options.request);
  if (!given.ok) return given;
  const found = await vmOfOwner(settings, env, { name, owner: options.owner });
  if (!found.ok) return found;
  const { owner, vm } = found.value;
  const expected = { owner: owner.guardian, vmId: vm.vmId };
  const request = openRecoveryRequest(crypto, given.value, expected);
  if (!request.ok) return request;
  const { vmId } = request.value;
  const pcrs = [...request.value.bootPcrs].map(([index, value]) => [`PCR ${index}`, toHex(value)] as const);
  const shown = { vm: name, id: vmId, ...Object.fromEntries(pcrs) };
  if (options.yes !== true)
    return {
      ok: false,
      fault: {
        code: 'not-confirmed',
        detail: `nothing was answered. What asks is the VM ${vmId}, and has booted with ${pcrs.map(([pcr, value]) => `${pcr} ${value}`).join(', ')}`,
        hint: 'compare the id with that of the VM you mean, and the PCRs with what you know; if both are good, add --yes',
      },
    };
  const recovery = await openRecovery(crypto, owner, vmId, await readFile(vmPaths(vm.folder).recovery));
  if (!recovery.ok) return recovery;
  const bootPolicy = options.approve
    ? await signBootPolicy(crypto, owner, {
        vmId,
        label: `recovered ${new Date().toISOString()}`,
        pcrs: request.value.bootPcrs,
      })
    : undefined;
  const answer = answerRecovery(crypto, request.value, recovery.value.recoveryKey, bootPolicy ? { bootPolicy } : {});
  for (const secret of [recovery.value.recoveryKey, recovery.value.ownerAuth]) secret.wipe();
  if (!answer.ok) return answer;
  const written = await writePrivateFile(options.out, answer.value);
  if (!written.ok) return written;
  return ok({ document: { ...shown, file: options.out }, lines: [...table(shown), options.out] });
}

export async function answerAction(
  settings: HostSettings,
  { args: [name = ''], options: { file } }: Invocation<RecoveryAnswerOptions>,
): Promise<CommandResult> {
  const answer = await fileGiven('--file', file); // first: that it is missing is told without an agent too
  if (!answer.ok) return answer;
  const agent = await theAgent(settings);
  if (!agent.ok) return agent;
  const body = { answer: toBase64Url(answer.value) };
  const given = await agent.value.call(vmRoutes.recoveryAnswer, { params: { name }, body });
  return given.ok ? ok({ document: { name }, lines: [`${name} has its answer`] }) : given;
}
