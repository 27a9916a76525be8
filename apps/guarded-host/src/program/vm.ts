import { type HostCommand, hostCommand, wholeNumber } from './command.ts';
import { PROGRAM } from './name.ts';

const NAME = { syntax: '<name>', about: "the VM: the name of its folder, in one of the configuration's vms.folders" };
const OWNER = {
  flags: '--owner <GUARDIAN>',
  about: "the owner: one of 'sekimori guardian list', with its private keys",
  required: true,
};

export interface CreateOptions {
  readonly definition?: string;
  readonly security: string;
  readonly cpus: number;
  readonly memory: number;
  readonly accelerator?: string;
  readonly secureBoot: boolean;
  readonly disk?: readonly string[];
}

const create = hostCommand<'settings', CreateOptions>({
  name: 'vm create',
  summary: 'Make the folder of a new VM, with its definition. Its owner shields it then.',
  example: `${PROGRAM} vm create db1 --disk system=boot --disk data=guest --memory 2048`,
  arguments: [NAME],
  options: [
    {
      flags: '--definition <FILE>',
      about: 'the definition, YAML or JSON without id and name; the other options do not count then',
    },
    { flags: '--security <POLICY>', about: 'shielded or encryption-supported', default: 'shielded' },
    { flags: '--cpus <N>', about: 'processors', default: 2, parse: wholeNumber(1, 288) },
    { flags: '--memory <MIB>', about: 'memory in MiB', default: 2048, parse: wholeNumber(64, 16_777_216) },
    { flags: '--accelerator <NAME>', about: 'kvm, or tcg where the machine has none' },
    { flags: '--no-secure-boot', about: 'for encryption-supported VMs alone' },
    { flags: '--disk <NAME=MODE...>', about: 'a disk and its mode: guest, outer or boot; as often as there are disks' },
  ],
  needs: 'settings',
  action: async () => (await import('./actions/vm/create.ts')).createAction,
});

export interface ShieldOptions {
  readonly owner: string;
  readonly guardian?: readonly string[];
  readonly disk?: readonly string[];
  readonly bootPolicy?: readonly string[];
  readonly trial: boolean;
  readonly nvram?: string;
}

const shield = hostCommand<'settings', ShieldOptions>({
  name: 'vm shield',
  summary: "Encrypt a VM's disks, make its vTPM and its key protector: on the owner's own machine.",
  example: `${PROGRAM} vm shield db1 --owner alice --guardian fabric --disk system=uki.img --disk data=root.img`,
  arguments: [NAME],
  options: [
    OWNER,
    { flags: '--guardian <NAME...>', about: 'a fabric that may start it; none: the owner alone' },
    {
      flags: '--disk <NAME=FILE...>',
      about: 'the raw image in clear for each disk of the definition; it stays as it is',
    },
    { flags: '--boot-policy <FILE...>', about: "boots that were approved before (see 'vm approve-boot')" },
    { flags: '--no-trial', about: 'do not boot once to learn which boot is approved' },
    {
      flags: '--nvram <FILE>',
      about: "firmware variables to start with, for example with the owner's Secure Boot keys",
    },
  ],
  needs: 'settings',
  action: async () => (await import('./actions/vm/shield.ts')).shieldAction,
});

export interface StartOptions {
  readonly lastKnownGood?: boolean;
  readonly fenced?: boolean;
}

const start = hostCommand<'agent', StartOptions>({
  name: 'vm start',
  summary: 'Start a VM: its keys are released to this host, or they are not.',
  example: `${PROGRAM} vm start db1`,
  arguments: [NAME],
  options: [
    {
      flags: '--fenced',
      about: 'the host that has it was fenced, somebody made sure: do not wait until it is silent for a lease',
    },
    {
      flags: '--last-known-good',
      about: 'from the generation before the newest, protector, state and vTPM: where the newest was damaged',
    },
  ],
  needs: 'agent',
  action: async () => (await import('./actions/vm/run.ts')).startAction,
});

export interface StopOptions {
  readonly grace: number;
}

const stop = hostCommand<'agent', StopOptions>({
  name: 'vm stop',
  summary: 'Stop a VM: in order where the guest obeys, else at once.',
  example: `${PROGRAM} vm stop db1 --grace 120`,
  arguments: [NAME],
  options: [
    { flags: '--grace <SECONDS>', about: 'how long the guest may take', default: 60, parse: wholeNumber(0, 3600) },
  ],
  needs: 'agent',
  action: async () => (await import('./actions/vm/run.ts')).stopAction,
});

const list = hostCommand<'agent'>({
  name: 'vm list',
  summary: 'The VMs in the configured folders, and which of them run here.',
  example: `${PROGRAM} vm list --json`,
  needs: 'agent',
  action: async () => (await import('./actions/vm/look.ts')).listAction,
});

const show = hostCommand<'agent'>({
  name: 'vm show',
  summary: 'One VM: state, generation, what its guest reports, sockets.',
  example: `${PROGRAM} vm show db1`,
  arguments: [NAME],
  needs: 'agent',
  action: async () => (await import('./actions/vm/look.ts')).showAction,
});

const rekey = hostCommand<'agent'>({
  name: 'vm rekey',
  summary: 'New keys for a stopped VM: transport key, vTPM state, passphrases of outer disks.',
  example: `${PROGRAM} vm rekey db1`,
  arguments: [NAME],
  needs: 'agent',
  action: async () => (await import('./actions/vm/run.ts')).rekeyAction,
});

export interface ApproveBootOptions {
  readonly owner: string;
  readonly label?: string;
  readonly bootDisk: string;
  readonly out?: string;
}

const approveBoot = hostCommand<'settings', ApproveBootOptions>({
  name: 'vm approve-boot',
  summary: 'Boot a disk once with a throwaway TPM and sign what it measured: such a boot opens the disks.',
  example: `${PROGRAM} vm approve-boot db1 --owner alice --boot-disk new-uki.img --label 'kernel 6.12'`,
  arguments: [NAME],
  options: [
    OWNER,
    {
      flags: '--boot-disk <FILE>',
      about:
        "the image to boot, from the owner's own hands: the one in the VM's folder can be exchanged by its storage",
      required: true,
    },
    { flags: '--label <TEXT>', about: 'what it is, for people' },
    { flags: '--out <FILE>', about: 'write the signed policy there, and leave the disks as they are' },
  ],
  needs: 'settings',
  action: async () => (await import('./actions/vm/approve-boot.ts')).approveBootAction,
});

export interface AddBootPolicyOptions {
  readonly file: string;
}

const addBootPolicy = hostCommand<'settings', AddBootPolicyOptions>({
  name: 'vm add-boot-policy',
  summary: 'Put a boot policy that the owner signed beside the disks of a stopped VM. It is public.',
  example: `${PROGRAM} vm add-boot-policy db1 --file kernel-6.12.json`,
  arguments: [NAME],
  options: [{ flags: '--file <FILE>', about: "from 'vm approve-boot --out'", required: true }],
  needs: 'settings',
  action: async () => (await import('./actions/vm/approve-boot.ts')).addBootPolicyAction,
});

export interface RecoveryRequestOptions {
  readonly out: string;
}

const recoveryRequest = hostCommand<'agent', RecoveryRequestOptions>({
  name: 'vm recovery-request',
  summary: 'What a guest whose disk stays closed asks its owner. It is public: send it to the owner.',
  example: `${PROGRAM} vm recovery-request db1 --out db1.request`,
  arguments: [NAME],
  options: [{ flags: '--out <FILE>', about: 'where to write it', required: true }],
  needs: 'agent',
  action: async () => (await import('./actions/vm/recovery.ts')).requestAction,
});

export interface RecoverOptions {
  readonly owner: string;
  readonly request: string;
  readonly out: string;
  readonly approve?: boolean;
  readonly yes?: boolean;
}

const recover = hostCommand<'settings', RecoverOptions>({
  name: 'vm recover',
  summary:
    "The owner's side: show which VM asks and what booted, and give the recovery key to that guest's vTPM alone.",
  example: `${PROGRAM} vm recover db1 --owner alice --request db1.request --out db1.answer --yes`,
  arguments: [NAME],
  options: [
    OWNER,
    { flags: '--request <FILE>', about: "from 'vm recovery-request'", required: true },
    { flags: '--out <FILE>', about: 'where to write the answer', required: true },
    { flags: '--approve', about: 'approve this boot for later, too' },
    { flags: '--yes', about: "the VM's id is the one you mean, and what booted was looked at and is good" },
  ],
  needs: 'settings',
  action: async () => (await import('./actions/vm/recovery.ts')).recoverAction,
});

export interface RecoveryAnswerOptions {
  readonly file: string;
}

const recoveryAnswer = hostCommand<'settings', RecoveryAnswerOptions>({
  name: 'vm recovery-answer',
  summary: "Hand the owner's answer to the guest that waits for it.",
  example: `${PROGRAM} vm recovery-answer db1 --file db1.answer`,
  arguments: [NAME],
  options: [{ flags: '--file <FILE>', about: "from 'vm recover'", required: true }],
  needs: 'settings',
  action: async () => (await import('./actions/vm/recovery.ts')).answerAction,
});

export const VM_COMMANDS: readonly HostCommand[] = [
  create,
  shield,
  start,
  stop,
  list,
  show,
  rekey,
  approveBoot,
  addBootPolicy,
  recoveryRequest,
  recover,
  recoveryAnswer,
];
