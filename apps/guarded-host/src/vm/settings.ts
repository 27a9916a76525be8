import { FilePath } from '@sekimori/service-kit/program';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

const strict = { additionalProperties: false };
const Firmware = (code: string, variables: string) =>
  Type.Object(
    {
      code: FilePath({ default: code }),
      variables: FilePath({ default: variables, description: 'what a new VM starts with' }),
    },
    { ...strict, default: {} },
  );
const OVMF = '/usr/share/OVMF';

/** The part `vms` of a host's configuration. */
export const VmSettings = Type.Object(
  {
    folders: Type.Array(Type.String({ minLength: 1, pattern: '^/' }), {
      default: ['/var/lib/sekimori-vms'],
      description: 'where VM folders lie, on the VMs’ storage; the first one takes new VMs',
    }),
    runFolder: FilePath({ default: '/run/sekimori-vms', description: 'sockets of running VMs; in memory' }),
    guardians: Type.Optional(
      FilePath({
        description: "the guardians of 'sekimori guardian'; its own place where nothing is said",
      }),
    ),
    /** Each running VM has a user id of its own from here on; nobody else may have it. */
    uidBase: Type.Integer({ minimum: 1000, maximum: 2_000_000_000, default: 1_900_000_000 }),
    allow: Type.Object(
      {
        accelerators: Type.Array(Type.Union([Type.Literal('kvm'), Type.Literal('tcg')]), {
          default: ['kvm'],
          description: 'tcg is for machines without KVM: it is no security boundary',
        }),
        devices: Type.Array(Type.String({ pattern: '^/dev/.+' }), {
          default: [],
          description: 'block devices that a definition may name as disks; one that ends in / stands for all below it',
        }),
        taps: Type.Array(Type.String(), { default: [], description: 'tap devices that a definition may name' }),
        userNetwork: Type.Boolean({
          default: false,
          description: "QEMU's own network, which reaches what this host reaches, its loopback included",
        }),
      },
      {
        ...strict,
        default: {},
        description:
          'what a definition may ask of this host: it lies on storage that others write to, and nobody signs it',
      },
    ),
    insecureSameUser: Type.Boolean({
      default: false,
      description: 'an agent that is not root runs shielded VMs under its own user, whose other programs can read them',
    }),
    leaseSeconds: Type.Number({
      minimum: 1,
      maximum: 3600,
      default: 30,
      description: 'how long another host must be silent before its VM is taken over',
    }),
    firmware: Type.Object(
      {
        secureBoot: Firmware(`${OVMF}/OVMF_CODE_4M.secboot.fd`, `${OVMF}/OVMF_VARS_4M.ms.fd`),
        plain: Firmware(`${OVMF}/OVMF_CODE_4M.fd`, `${OVMF}/OVMF_VARS_4M.fd`),
      },
      { ...strict, default: {} },
    ),
  },
  { ...strict, default: {} },
);
export type VmSettings = Static<typeof VmSettings>;

/** The files of the firmware that a VM runs with. */
export function firmwareFor({ firmware }: VmSettings, { secureBoot }: { readonly secureBoot: boolean }) {
  return firmware[secureBoot ? 'secureBoot' : 'plain'];
}

/** With the defaults for what is left out. */
export function vmSettings(values: Partial<VmSettings>): VmSettings {
  return Value.Default(VmSettings, { ...values }) as VmSettings;
}
