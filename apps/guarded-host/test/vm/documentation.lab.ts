import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { labIsMissing, tinyGuestImage } from '@sekimori/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BIN } from '../support/program.ts';
import { startAgentProcess } from './support/agent-process.ts';
import type { Daemon } from './support/daemon.ts';
import { aPlace } from './support/vm-host.ts';

const DOCUMENT = fileURLToPath(new URL('../../../../docs/virtual-machines.md', import.meta.url));
const CLI = fileURLToPath(new URL('../../../cli/bin/sekimori.js', import.meta.url));

// docs/virtual-machines.md, "On one machine": its files and its commands as they stand there, in folders of the test.
describe.skipIf(labIsMissing('outer'))('the document about virtual machines', () => {
  let place: Awaited<ReturnType<typeof aPlace>>;
  let agent: Daemon | undefined;
  let commands: readonly string[];
  const at = (name: string) => join(place.folder, name);

  beforeAll(async () => {
    place = await aPlace();
    const [, section = ''] = (await readFile(DOCUMENT, 'utf8')).split('\n## ');
    const block = (language: string) => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(section)?.[1] ?? '';
    const moved = block('json').replace('/srv/vms', at('vms')).replace('/run/sekimori-vms', at('run'));
    await writeFile(at('host.json'), moved.replace('"run/agent.sock"', '"agent/agent.sock"'));
    await writeFile(at('web.yaml'), block('yaml'));
    await writeFile(at('disk.raw'), tinyGuestImage({ message: 'up', mode: 'stay' }));
    commands = block('sh').trim().split('\n');
    await mkdir(at('bin'));
    for (const [name, file] of [
      ['sekimori', CLI],
      ['sekimori-host', BIN],
    ] as const) {
      await writeFile(
        at(`bin/${name}`),
        `#!/bin/sh\nexec ${process.execPath} --conditions=@sekimori/source ${file} "$@"\n`,
      );
      await chmod(at(`bin/${name}`), 0o755);
    }
  });
  afterAll(async () => {
    await agent?.end();
    await place?.remove();
  });

  async function run(command: string): Promise<{ readonly status: number | null; readonly stdout: string }> {
    const env = { PATH: `${at('bin')}:${process.env['PATH']}`, SEKIMORI_DATA: at('tenant') };
    const child = spawn('sh', ['-c', command], { cwd: place.folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
    const [status] = (await once(child, 'close')) as [number | null];
    if (status !== 0) throw new Error(`${command}: ${await stderr}`);
    return { status, stdout: await stdout };
  }

  it('has commands that do what it says, from an owner to a VM with new keys', async () => {
    expect(commands.length).toBeGreaterThan(8);
    const said: string[] = [];
    for (const command of commands) {
      if (command.includes('sekimori-host run'))
        agent = await startAgentProcess(at('host.json'), { SEKIMORI_DATA: at('tenant') });
      else said.push((await run(command)).stdout);
    }
    expect(said.join('\n')).toMatch(/web +running +encryption-supported/);
    expect(said.join('\n')).toMatch(/serial: +\S+serial\.sock/);
    expect(said.join('\n')).toMatch(/took: +check \d+ ms/);
  });
});
