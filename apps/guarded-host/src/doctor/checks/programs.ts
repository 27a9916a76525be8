import { type Check, type DoctorDeps, failed, good, type Outcome, skipped, warning } from '../check.ts';
import type { Ran } from '../machine.ts';

/** What the agent asks of swtpm and of the program that manufactures its state. */
const SWTPM = ['tpm-2.0', 'cmdarg-key-fd', 'cmdarg-seccomp'];
const SWTPM_SETUP = ['tpm-2.0', 'cmdarg-keyfile-fd'];

export const swtpmCheck: Check = {
  id: 'swtpm',
  async run({ machine }) {
    const [swtpm, setup] = [
      await machine.run('swtpm', ['socket', '--tpm2', '--print-capabilities']),
      await machine.run('swtpm_setup', ['--tpm2', '--print-capabilities']),
    ];
    const mend = "install 'swtpm' and 'swtpm-tools', 0.7 or newer";
    for (const [ran, name, wanted] of [
      [swtpm, 'swtpm', SWTPM],
      [setup, 'swtpm_setup', SWTPM_SETUP],
    ] as const) {
      if (ran.missing) return failed(`${name} is not installed`, mend);
      const told = capabilitiesIn(ran.stdout);
      const lacks = wanted.filter((feature) => !told.features.includes(feature));
      if (lacks.length > 0) return failed(`${name} ${told.version} cannot ${lacks.join(', ')}`, mend);
    }
    return good(`${swtpm.missing ? '' : capabilitiesIn(swtpm.stdout).version}, which encrypts its state`);
  },
};

function capabilitiesIn(text: string): { readonly features: readonly string[]; readonly version: string } {
  try {
    const { features, version } = JSON.parse(text) as { features?: unknown; version?: unknown };
    const names = Array.isArray(features) ? features.filter((each): each is string => typeof each === 'string') : [];
    return { features: names, version: typeof version === 'string' ? version : 'of an unknown version' };
  } catch {
    return { features: [], version: 'of an unknown version' };
  }
}

/** Older ones may do; with these it is tested. */
const QEMU_TESTED = [7, 2] as const;

export const qemuCheck: Check = {
  id: 'qemu',
  async run({ machine }) {
    const ask = (...args: readonly string[]) => machine.run('qemu-system-x86_64', args);
    const [version, tpms, devices, objects, help] = [
      await ask('--version'),
      await ask('-tpmdev', 'help'),
      await ask('-device', 'help'),
      await ask('-object', 'help'),
      await ask('-help'),
    ];
    const image = await machine.run('qemu-img', ['--help']);
    const mend = "install 'qemu-system-x86' and 'qemu-utils', 7.2 or newer";
    if (version.missing) return failed('qemu-system-x86_64 is not installed', mend);
    if (image.missing) return failed('qemu-img is not installed', mend);
    const lacks = [
      [tpms, /\bemulator\b/, 'TPM emulators'],
      [devices, /"tpm-crb"/, 'the device tpm-crb'],
      [objects, /^\s*secret\b/m, 'the object secret'],
      [help, /-sandbox on/, 'its sandbox'],
      [image, /\bluks\b/, 'LUKS'],
    ] as const;
    const missing = lacks.filter(([ran, words]) => !words.test(outputOf(ran))).map(([, , name]) => name);
    const found = /version (\d+)\.(\d+)[.\d]*/.exec(outputOf(version));
    const name = found?.[0].replace('version ', '') ?? 'of an unknown version';
    if (missing.length > 0) return failed(`QEMU ${name} is built without ${missing.join(', ')}`, mend);
    const [major, minor] = [Number(found?.[1]), Number(found?.[2])];
    const isTested = major > QEMU_TESTED[0] || (major === QEMU_TESTED[0] && minor >= QEMU_TESTED[1]);
    return isTested ? good(`QEMU ${name}`) : warning(`QEMU ${name}, which is not tested`, mend);
  },
};

/** Whether KVM runs firmware is seen by running one: some kernels make a machine, and firmware dies in it. */
export const kvmCheck: Check = {
  id: 'kvm',
  limitMillis: 20_000,
  async run({ machine, settings }) {
    const slow = 'without KVM guests are emulated, ten times slower (accelerator: tcg)';
    const device = await machine.stat('/dev/kvm');
    if ('code' in device)
      return warning(
        'there is no /dev/kvm',
        `switch virtualization on in the firmware setup, load kvm_intel or kvm_amd; ${slow}`,
      );
    const { code } = settings.vms.firmware.plain;
    if ('code' in (await machine.stat(code))) return skipped(`there; not tried without the firmware ${code}`);
    const ran = await machine.run('qemu-system-x86_64', kvmTrial(code), {
      timeoutMillis: 12_000,
      until: /BdsDxe|KVM internal error/,
    });
    if (ran.missing) return skipped('there; not tried without QEMU');
    if (FIRMWARE_SPEAKS.test(ran.stdout)) return good('a firmware runs with it');
    const words = ran.stderr.split('\n').find((line) => /kvm/i.test(line)) ?? 'its firmware does not come up';
    return warning(
      `/dev/kvm is there, and no machine runs with it: ${words}`,
      `see nested virtualization and permissions; ${slow}`,
    );
  },
};

const FIRMWARE_SPEAKS = /BdsDxe/;

/** A machine with nothing but firmware, which says so on the serial line when it finds nothing to boot. */
function kvmTrial(code: string): readonly string[] {
  const options = [
    ['machine', 'q35,accel=kvm'],
    ['m', '128M'],
    ['display', 'none'],
    ['serial', 'stdio'],
    ['drive', `if=pflash,unit=0,format=raw,readonly=on,file=${code.replaceAll(',', ',,')}`],
  ];
  return ['-no-user-config', '-nodefaults', '-no-reboot', ...options.flatMap(([name, value]) => [`-${name}`, value!])];
}

export const cryptsetupCheck: Check = {
  id: 'cryptsetup',
  run: (deps) => installed(deps, 'cryptsetup', "install 'cryptsetup'"),
};

export const flockCheck: Check = {
  id: 'flock',
  run: (deps) => installed(deps, 'flock', "install 'util-linux'"),
};

async function installed({ machine }: DoctorDeps, program: string, mend: string): Promise<Outcome> {
  const ran = await machine.run(program, ['--version']);
  if (ran.missing) return failed(`${program} is not installed`, mend);
  return ran.status === 0 ? good(ran.stdout.split('\n')[0]!.trim()) : failed(outputOf(ran).trim(), mend);
}

function outputOf(ran: Ran): string {
  return ran.missing ? '' : `${ran.stdout}${ran.stderr}`;
}
