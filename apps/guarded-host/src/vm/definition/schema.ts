import { type Static, Type } from 'typebox';

const strict = { additionalProperties: false };
const MAX_DISKS = 16;
const MAX_NETWORKS = 8;

export const VM_NAME = '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$';
const UUID = '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$';

const Disk = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,30}$', description: 'also its serial number in the guest' }),
    file: Type.String({
      minLength: 1,
      maxLength: 1024,
      pattern: '^[^\\u0000-\\u001f]+$',
      description: 'raw image or block device; relative to the folder of the VM',
    }),
    mode: Type.Union([Type.Literal('guest'), Type.Literal('outer'), Type.Literal('boot')], {
      description:
        'guest: LUKS2 inside, its key in the vTPM; outer: LUKS1 by QEMU around any guest; boot: in clear and read-only, for what is measured before it runs',
    }),
    bootIndex: Type.Optional(Type.Integer({ minimum: 0, maximum: 99 })),
  },
  strict,
);

const Network = Type.Object(
  {
    type: Type.Union([Type.Literal('user'), Type.Literal('tap')]),
    tap: Type.Optional(Type.String({ pattern: '^[a-zA-Z0-9_.-]{1,15}$', description: 'the name of a tap device' })),
    mac: Type.Optional(Type.String({ pattern: '^[0-9a-f]{2}(:[0-9a-f]{2}){5}$' })),
  },
  strict,
);

/** What lets somebody beside the guest look into it. All of it is off where nothing is said. */
const Devices = Type.Object(
  {
    serial: Type.Optional(Type.Boolean({ description: 'a serial port, as a UNIX socket for the fabric' })),
    console: Type.Optional(Type.Boolean({ description: 'a screen, as VNC on a UNIX socket for the fabric' })),
    monitor: Type.Optional(Type.Boolean({ description: "QEMU's monitor for others than the agent" })),
    guestAgent: Type.Optional(Type.Boolean({ description: "the port of QEMU's guest agent" })),
    debugStub: Type.Optional(Type.Boolean({ description: "gdb's remote protocol" })),
    hostDevices: Type.Optional(Type.Array(Type.String(), { description: 'devices of the host passed through' })),
    sharedFolders: Type.Optional(Type.Array(Type.String(), { description: 'folders of the host' })),
  },
  strict,
);

/** A virtual machine as the fabric describes it. Published as JSON Schema: docs/schema/vm-definition.schema.json. */
export const VmDefinition = Type.Object(
  {
    version: Type.Literal(1),
    name: Type.String({ pattern: VM_NAME }),
    id: Type.String({ pattern: UUID, description: "UUID; what the owner's security policy is about" }),
    security: Type.Union([Type.Literal('shielded'), Type.Literal('encryption-supported')], {
      description: "the owner's security policy says the same, or the VM does not start",
    }),
    machine: Type.Object(
      {
        accelerator: Type.Optional(
          Type.Union([Type.Literal('kvm'), Type.Literal('tcg')], { description: 'kvm where nothing is said' }),
        ),
        cpu: Type.Optional(
          Type.String({ pattern: '^[A-Za-z0-9_.-]{1,64}$', description: "QEMU's name of a CPU model" }),
        ),
        cpus: Type.Integer({ minimum: 1, maximum: 288 }),
        memoryMiB: Type.Integer({ minimum: 64, maximum: 16_777_216 }),
      },
      strict,
    ),
    firmware: Type.Object({ secureBoot: Type.Boolean() }, strict),
    disks: Type.Array(Disk, { minItems: 1, maxItems: MAX_DISKS }),
    networks: Type.Optional(Type.Array(Network, { maxItems: MAX_NETWORKS })),
    devices: Type.Optional(Devices),
  },
  { ...strict, $id: 'vm-definition', title: 'Sekimori VM definition' },
);
export type VmDefinition = Static<typeof VmDefinition>;
export type VmDisk = VmDefinition['disks'][number];
