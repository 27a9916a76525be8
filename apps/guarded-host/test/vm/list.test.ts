import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expectOk } from '@sekimori/result';
import { expect, it, onTestFinished } from 'vitest';
import { loadHostConfig } from '../../src/index.ts';
import { listAction } from '../../src/program/actions/vm/look.ts';
import { createVm } from '../../src/vm/create.ts';
import { vmPaths } from '../../src/vm/folder/layout.ts';
import { vmAgentRoutes } from '../../src/vm/routes.ts';
import { anAgent } from '../support/agent-host.ts';
import { fakeTiming } from '../support/fake-timing.ts';
import { aPlace, vmHost, vmSettings } from './support/vm-host.ts';

it('tells a VM whose definition cannot be read from one that its owner has not shielded, below a header', async () => {
  const place = await aPlace();
  onTestFinished(() => place.remove());
  const vms = await vmSettings(place.folder);
  const env = {
    SEKIMORI_HOST_STATE_FOLDER: join(place.folder, 'state'),
    SEKIMORI_HOST_SOCKET: join(place.folder, 'agent', 's'),
  };
  const settings = { ...expectOk(await loadHostConfig({ env })), vms };
  const { client } = await anAgent(settings, fakeTiming(), { routes: vmAgentRoutes(vmHost(vms)) });
  expect(expectOk(await listAction(client)).lines).toEqual([]);

  const folders: string[] = [];
  for (const name of ['db1', 'web']) {
    const made = await createVm(vms.folders[0]!, name, {
      security: 'encryption-supported',
      machine: { accelerator: 'tcg', cpus: 1, memoryMiB: 128 },
      firmware: { secureBoot: false },
      disks: [{ name: 'disk', file: 'disk.img', mode: 'outer' }],
    });
    folders.push(expectOk(made).folder);
  }
  const [db1 = '', web = ''] = folders;
  await writeFile(vmPaths(web).definition, 'nothing: of a VM\n');
  const listed = expectOk(await listAction(client));
  expect(listed.document).toEqual({
    vms: [
      { name: 'db1', folder: db1, state: 'not-shielded', security: 'encryption-supported' },
      { name: 'web', folder: web, state: 'invalid-definition' },
    ],
  });
  expect(listed.lines).toEqual([
    'NAME  STATE               SECURITY              FOLDER',
    `db1   not-shielded        encryption-supported  ${db1}`,
    `web   invalid-definition  -                     ${web}`,
  ]);
});
