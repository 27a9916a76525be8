import { attest } from '@sekimori/guarded-host';
import { attestationRoutes, type FindingShape } from '@sekimori/protocol';
import type { Cast } from '../cast.ts';
import { granted, refused } from '../expect.ts';
import type { RecordedBoot } from '../machine/boots.ts';
import type { Machine } from '../machine/host.ts';
import type { HostedVm } from '../machine/hosted-vm.ts';
import { startRefused } from './shielded-vm.ts';

/** The same host boots something else, and is refused; the administrator sees which event of which PCR differs. */
export async function bootSomethingElse(
  cast: Cast,
  host: Machine,
  id: string,
  vm: HostedVm | undefined,
): Promise<void> {
  const { story, boots } = cast;
  story.chapter('5  The same host boots something else');
  await story.step('one more word in the kernel command line', () =>
    bootRefused(cast, host, id, boots.otherCommandLine),
  );
  if (vm)
    await story.step("booted so, it tries to start the tenant's VM", () =>
      startRefused(vm, 'policy-denied/CodeIntegrityPolicy'),
    );
  await story.step('one more file in the initrd', () => bootRefused(cast, host, id, boots.otherInitrd));
  await story.step('it boots what was approved, and is attested again', async () => {
    await host.boot(boots.approved);
    const health = granted(await attest(host.deps));
    return { value: undefined, lines: [`good until ${health.notAfter.toISOString()}`] };
  });
}

async function bootRefused({ fabric }: Cast, host: Machine, id: string, boot: RecordedBoot) {
  await host.boot(boot);
  const outcome = await attest(host.deps);
  const detail = granted(await fabric.attestation.call(attestationRoutes.showHost, { params: { id } }));
  const [latest] = detail.verdicts;
  const findings = (latest?.findings ?? []).filter(({ effect, pcr }) => effect === 'refuse' && pcr !== undefined);
  if (findings.length === 0) throw new Error('no finding names a PCR');
  return refused(outcome, 'policy-denied/CodeIntegrityPolicy', findings.flatMap(describe));
}

function describe({ pcr, event, expected, actual }: FindingShape): readonly string[] {
  const seen = event?.actual ?? event?.expected;
  return [
    `PCR ${pcr}, event ${event?.index ?? '?'}${seen ? ` ${seen.type} ${seen.description}` : ''}`,
    `  expected ${event?.expected?.digest ?? expected ?? '?'}`,
    `  actual   ${event?.actual?.digest ?? actual ?? '?'}`,
  ];
}
