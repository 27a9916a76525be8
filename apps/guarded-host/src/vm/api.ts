import { route } from '@sekimori/protocol';
import { type Static, Type } from 'typebox';
import { VM_NAME } from './definition/schema.ts';

const strict = { additionalProperties: false };
const ByName = Type.Object({ name: Type.String({ pattern: VM_NAME }) }, strict);

export const VmSummary = Type.Object(
  {
    name: Type.String(),
    folder: Type.String(),
    state: Type.Union([
      Type.Literal('running'),
      Type.Literal('stopped'),
      Type.Literal('elsewhere'),
      Type.Literal('not-shielded'),
      Type.Literal('invalid-definition', { description: "its vm.yaml cannot be read: 'vm start' tells why" }),
    ]),
    security: Type.Optional(Type.String()),
    host: Type.Optional(Type.String({ description: 'who runs it, where it is not this host' })),
  },
  strict,
);
export type VmSummary = Static<typeof VmSummary>;

/** Of the guest's own words, which nothing here believes: for people. */
export const GuestReport = Type.Object(
  {
    state: Type.Union([Type.Literal('unknown'), Type.Literal('open'), Type.Literal('closed')]),
    notes: Type.Array(Type.String()),
    asksForRecovery: Type.Boolean({ description: 'it waits for its owner: see vm recovery-request' }),
  },
  strict,
);
export type GuestReport = Static<typeof GuestReport>;

/** How a run ended that this agent saw. */
const LastRun = Type.Object(
  {
    endedAt: Type.String(),
    code: Type.Optional(Type.Integer()),
    signal: Type.Optional(Type.String()),
    fenced: Type.Boolean({ description: 'another host took it over, or the storage was lost' }),
    guest: GuestReport,
  },
  strict,
);
export type LastRun = Static<typeof LastRun>;

export const VmDetails = Type.Object(
  {
    ...VmSummary.properties,
    id: Type.Optional(Type.String()),
    generation: Type.Optional(Type.String()),
    startedAt: Type.Optional(Type.String()),
    pid: Type.Optional(Type.Integer()),
    guest: Type.Optional(GuestReport),
    lastRun: Type.Optional(LastRun),
    sockets: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: 'UNIX sockets for the fabric; none for a shielded VM' }),
    ),
  },
  strict,
);
export type VmDetails = Static<typeof VmDetails>;

/** How long each part of a start took, in order. */
const Phases = Type.Array(Type.Object({ phase: Type.String(), millis: Type.Number() }, strict));

export const StartReport = Type.Object(
  {
    name: Type.String(),
    generation: Type.String(),
    pid: Type.Integer(),
    usedLastKnownGood: Type.Boolean({ description: 'the newest pair of protector and state did not open' }),
    traceId: Type.Optional(Type.String()),
    phases: Phases,
  },
  strict,
);
export type StartReport = Static<typeof StartReport>;

const NoMore = Type.Object({}, strict);

/** The agent's routes for VMs. */
export const vmRoutes = {
  list: route({
    operationId: 'listVms',
    method: 'GET',
    url: '/v1/vms',
    role: 'anyone',
    summary: 'The VMs in the configured folders',
    reply: Type.Object({ vms: Type.Array(VmSummary) }, strict),
  }),
  show: route({
    operationId: 'showVm',
    method: 'GET',
    url: '/v1/vms/:name',
    role: 'anyone',
    summary: 'One VM',
    params: ByName,
    reply: VmDetails,
  }),
  start: route({
    operationId: 'startVm',
    method: 'POST',
    url: '/v1/vms/:name/start',
    role: 'anyone',
    summary: 'Start a VM: release, roll, swtpm, QEMU',
    params: ByName,
    bodyLimit: 1024,
    body: Type.Object(
      {
        lastKnownGood: Type.Optional(
          Type.Boolean({ description: 'from the generation before the newest: protector, state and vTPM' }),
        ),
        fenced: Type.Optional(
          Type.Boolean({ description: 'the host that has it was fenced: do not wait for its lease' }),
        ),
      },
      strict,
    ),
    reply: StartReport,
  }),
  stop: route({
    operationId: 'stopVm',
    method: 'POST',
    url: '/v1/vms/:name/stop',
    role: 'anyone',
    summary: 'Stop a VM, in order where the guest obeys within the grace',
    params: ByName,
    bodyLimit: 1024,
    body: Type.Object({ graceSeconds: Type.Number({ minimum: 0, maximum: 3600 }) }, strict),
    reply: Type.Object({ how: Type.String() }, strict),
  }),
  rekey: route({
    operationId: 'rekeyVm',
    method: 'POST',
    url: '/v1/vms/:name/rekey',
    role: 'anyone',
    summary: 'New keys for a stopped VM: transport key, vTPM state, outer disks',
    params: ByName,
    bodyLimit: 1024,
    body: NoMore,
    reply: Type.Object({ generation: Type.String(), disks: Type.Array(Type.String()) }, strict),
  }),
  recoveryRequest: route({
    operationId: 'recoveryRequest',
    method: 'GET',
    url: '/v1/vms/:name/recovery-request',
    role: 'anyone',
    summary: 'What the guest asks its owner; public',
    params: ByName,
    reply: Type.Object({ request: Type.String({ description: 'base64url' }) }, strict),
  }),
  recoveryAnswer: route({
    operationId: 'recoveryAnswer',
    method: 'POST',
    url: '/v1/vms/:name/recovery-answer',
    role: 'anyone',
    summary: "The owner's answer, which the guest's vTPM alone opens",
    params: ByName,
    bodyLimit: 1024 * 1024,
    body: Type.Object({ answer: Type.String({ maxLength: 1_000_000 }) }, strict),
    reply: NoMore,
  }),
} as const;
