import type { Fabric } from './fabric.ts';
import type { RecordedBoot } from './machine/boots.ts';
import type { Machine } from './machine/host.ts';
import type { HostedVm } from './machine/hosted-vm.ts';
import type { TpmMaker } from './machine/tpm.ts';
import type { Story } from './story.ts';

/** Who and what appears in the chapters. */
export interface Cast {
  readonly story: Story;
  /** Somebody does not want to wait for its end. */
  readonly stop: AbortSignal;
  readonly folder: string;
  readonly data: string;
  readonly maker: TpmMaker;
  /** Told apart from those of earlier runs on the same data. */
  readonly run: string;
  readonly boots: {
    readonly approved: RecordedBoot;
    readonly otherCommandLine: RecordedBoot;
    readonly otherInitrd: RecordedBoot;
  };
  /** The services now; a chapter may start them anew. */
  fabric: Fabric;
  /** Every machine that was made, to be stopped at the end. */
  readonly machines: Machine[];
  /** Every virtual machine. */
  readonly vms: HostedVm[];
}
