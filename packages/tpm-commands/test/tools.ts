import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Manufactured, manufactureSwtpm, startSwtpm, type Swtpm } from '@sekimori/tpm2-device/swtpm';

/** A swtpm, the certificates it was made with, and tpm2-tools that work on it in a folder of their own. */
export interface Bench {
  readonly folder: string;
  readonly swtpm: Swtpm;
  readonly made: Manufactured;
  readonly file: (name: string) => string;
  /** A command line of tpm2-tools, in the folder; answers its stdout. */
  readonly tool: (line: string) => Promise<string>;
  readonly end: () => Promise<void>;
}

export async function aBench(): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'tpm-commands-'));
  const made = await manufactureSwtpm({ stateDir: join(folder, 'state'), caDir: join(folder, 'ca') });
  const swtpm = await startSwtpm({ stateDir: join(folder, 'state') });
  const env = { ...process.env, TPM2TOOLS_TCTI: `swtpm:path=${swtpm.socketPath}` };
  return {
    folder,
    swtpm,
    made,
    file: (name) => join(folder, name),
    tool: async (line) => {
      const [program, ...args] = line.split(' ') as [string, ...string[]];
      return (await promisify(execFile)(program, args, { cwd: folder, env })).stdout;
    },
    end: async () => {
      await swtpm.stop();
      await rm(folder, { recursive: true });
    },
  };
}
