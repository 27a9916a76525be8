import { parseEventLog, type QuotedPcrs, reconcile } from '@sekimori/event-log';
import { describeFault } from '@sekimori/result';
import { readPcrs } from '@sekimori/tpm2';
import { FORECAST_PCRS } from '../../preflight/forecast.ts';
import { EFI_GLOBAL_VARIABLE } from '../../preflight/guid.ts';
import { type Check, type DoctorDeps, failed, good, type Outcome, skipped, warning } from '../check.ts';
import { asking } from './tpm.ts';

/** The log, judged as the attestation service does. */
export const eventLogCheck: Check = {
  id: 'event-log',
  fabricOnly: true,
  run: asking(async (deps) => {
    let bytes: Uint8Array;
    try {
      bytes = await deps.readEventLog();
    } catch (error) {
      return unreadable(deps, error as NodeJS.ErrnoException);
    }
    const log = parseEventLog(bytes);
    if (!log.ok) return failed(describeFault(log.fault), 'see what the setting eventLog names');
    const read = await readPcrs(deps.tpm, { bank: 'sha256', indices: FORECAST_PCRS });
    if (!read.ok) return skipped(`${log.value.events.length} events; the TPM has no SHA-256 bank to compare them with`);
    const quoted: QuotedPcrs = { bank: 'sha256', indices: [...FORECAST_PCRS], pcr: (index) => read.value.get(index) };
    const accepted = reconcile(deps.crypto, log.value, quoted);
    if (accepted.ok) return good(`${log.value.events.length} events that give what the TPM holds`);
    const mend =
      'an attestation would be refused: see what extends these PCRs after the boot loader, and if firmware or boot loader have an update';
    return failed(describeFault(accepted.fault), mend);
  }),
};

async function unreadable({ settings, machine }: DoctorDeps, error: NodeJS.ErrnoException): Promise<Outcome> {
  if (error.code === 'EACCES' || error.code === 'EPERM') return failed(error.message, 'run this as root');
  const kernel = await machine.names('/sys/kernel/security');
  const efi = await machine.names('/sys/firmware/efi');
  if (efi.length === 0)
    return failed('no log: this machine was not booted by UEFI', 'boot by UEFI: only that measures what is needed');
  if (kernel.length === 0)
    return failed('no log: securityfs is not there', "'mount -t securityfs securityfs /sys/kernel/security'");
  const mend =
    'a boot loader that starts the kernel without its EFI stub hands no log over (GRUB 2.06 without Secure Boot): switch Secure Boot on, take GRUB 2.12, or boot a unified kernel image';
  return failed(`no log at ${settings.eventLog}, though this machine was booted by UEFI`, mend);
}

const IMA = '/sys/kernel/security/ima';

export const imaCheck: Check = {
  id: 'ima',
  fabricOnly: true,
  async run({ machine }) {
    const read = await machine.readText(`${IMA}/runtime_measurements_count`);
    const mend = "'ima_policy=tcb' on the kernel's command line, or a policy of your own in /etc/ima/ima-policy";
    if ('code' in read) {
      if (read.code === 'EACCES') return skipped('only root may see the list of IMA');
      return warning('the kernel keeps no list of IMA: what programs run is not measured', mend);
    }
    const count = Number(read.text);
    if (count > 1) return good(`the list has ${count} entries`);
    return warning('no policy is loaded: the list has nothing but boot_aggregate', mend);
  },
};

/** For information: what is asked for is the policy's business. */
export const secureBootCheck: Check = {
  id: 'secure-boot',
  fabricOnly: true,
  async run({ machine }) {
    const read = async (name: string) => {
      const found = await machine.readBytes(`/sys/firmware/efi/efivars/${name}-${EFI_GLOBAL_VARIABLE}`);
      return 'bytes' in found ? found.bytes[4] : undefined; // behind the attributes
    };
    const [on, setup] = [await read('SecureBoot'), await read('SetupMode')];
    if (on === undefined) return skipped("the firmware's variables cannot be read");
    if (on === 1) return good('on');
    const mend = 'switch it on in the firmware setup, unless the attestation policy does without it';
    return warning(setup === 1 ? 'off: no keys are enrolled' : 'off', mend);
  },
};

export const lockdownCheck: Check = {
  id: 'kernel-lockdown',
  fabricOnly: true,
  async run({ machine }) {
    const read = await machine.readText('/sys/kernel/security/lockdown');
    const mode = 'text' in read ? /\[(\w+)\]/.exec(read.text)?.[1] : undefined;
    if (mode === undefined) return skipped('the kernel does not tell');
    return good(mode === 'none' ? 'none; the level measured-locked asks for integrity or more' : mode);
  },
};
