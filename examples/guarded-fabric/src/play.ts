import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cast } from './cast.ts';
import { enrolHost } from './chapters/enrol.ts';
import { protectKey } from './chapters/keys.ts';
import { bootSomethingElse } from './chapters/other-boots.ts';
import { refuse } from './chapters/refusals.ts';
import { runShieldedVm, SHIELDED_VM } from './chapters/shielded-vm.ts';
import { type Fabric, initialise, startFabric } from './fabric.ts';
import { recordedBoot } from './machine/boots.ts';
import { tpmMaker } from './machine/tpm.ts';
import { vmHindrance } from './machine/vm-needs.ts';
import { type Narrator, Story, StoryEnded } from './story.ts';

export interface Played {
  readonly story: Story;
  readonly tpm: 'swtpm' | 'software';
  readonly data: string;
  /** Still running; the caller closes them. Undefined when they never started. */
  readonly fabric: Fabric | undefined;
}

/** Removes what earlier runs left in the folder, and nothing else that may lie in it. */
export async function reset(folder: string): Promise<void> {
  for (const part of ['hgs', 'machines', 'tpm-vendor']) await rm(join(folder, part), { recursive: true, force: true });
}

/** Plays the whole story on the services of a data folder, which is made or gone on with. Machines are stopped at the end. */
export async function play(
  folder: string,
  options: {
    readonly narrator: Narrator;
    readonly stop: AbortSignal;
    /** False leaves the chapter with a virtual machine out. */
    readonly vm: boolean;
  },
): Promise<Played> {
  const { narrator, stop } = options;
  const data = join(folder, 'hgs');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const maker = tpmMaker(folder);
  const story = new Story(narrator, () => performance.now(), stop);
  if (maker.kind === 'software')
    narrator.note(
      'swtpm is not on this machine: a software TPM of our own takes its place, which proves nothing about hardware.',
    );
  let cast: Cast | undefined;
  try {
    story.chapter('0  The services');
    const fabric = await story.step(
      'attestation and key protection start on loopback, with TLS from a CA of their own',
      async () => {
        const state = await initialise(data);
        const started = await startFabric(data);
        const { attestationUrl, keyProtectionUrl } = started.services;
        return {
          value: started,
          lines: [state === 'made' ? `made ${data}` : `goes on with ${data}`, attestationUrl, keyProtectionUrl],
        };
      },
    );
    const boots = {
      approved: recordedBoot('uki-snakeoil'),
      otherCommandLine: recordedBoot('uki-snakeoil-cmdline-changed'),
      otherInitrd: recordedBoot('uki-snakeoil-initrd-changed'),
    };
    const run = Date.now().toString(36);
    cast = { story, stop, folder, data, maker, run, boots, fabric, machines: [], vms: [] };
    const { host, id } = await enrolHost(cast);
    const key = await protectKey(cast, host);
    const hindrance = options.vm ? vmHindrance() : 'as --no-vm asks for';
    if (hindrance !== undefined) story.leaveOut(SHIELDED_VM, hindrance);
    const vm = hindrance === undefined ? await runShieldedVm(cast, host, key) : undefined;
    await bootSomethingElse(cast, host, id, vm);
    await refuse(cast, host, id, key.protector);
  } catch (error) {
    if (!(error instanceof StoryEnded)) throw error;
  } finally {
    for (const machine of [...(cast?.vms ?? []), ...(cast?.machines ?? [])]) await machine.stop();
    await rm(join(folder, 'machines'), { recursive: true, force: true });
  }
  return { story, tpm: maker.kind, data, fabric: cast?.fabric };
}
