import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { createVmFrom } from '../../src/vm/create.ts';
import { definitionIn } from '../../src/vm/unlock.ts';
import { aVmFolder } from './support/vm-folder.ts';

const TEXT = `security: shielded
machine: { cpus: 1, memoryMiB: 128 }
firmware: { secureBoot: true }
disks: [{ name: data, file: data.img, mode: outer }]
`;

describe('a new VM', () => {
  it('has a folder with its definition, and an id of its own', async () => {
    const parent = await aVmFolder();
    const [one, two] = [await createVmFrom(parent, 'one', utf8(TEXT)), await createVmFrom(parent, 'two', utf8(TEXT))];
    expect(expectOk(one).id).not.toBe(expectOk(two).id);
    expect(expectOk(await definitionIn(join(parent, 'one'))).definition).toMatchObject({
      name: 'one',
      security: 'shielded',
    });
    expect(await createVmFrom(parent, 'one', utf8(TEXT))).toMatchObject({ fault: { code: 'vm-exists' } });
    expect(await readFile(join(parent, 'one', 'vm.yaml'), 'utf8')).toContain(expectOk(one).id);
  });

  it.each([
    [
      'a word that is not known',
      TEXT.replace('memoryMiB', 'memoryMib'),
      'vm-definition-invalid',
      'line 2: machine.memoryMib is not known here',
    ],
    [
      'what no shielded VM has',
      `${TEXT.replace('secureBoot: true', 'secureBoot: false')}devices: { serial: true }\n`,
      'vm-definition-refused',
      'line 3: firmware.secureBoot: a shielded VM has Secure Boot; line 5: devices.serial',
    ],
    ['nothing', '', 'vm-definition-invalid', 'line 1: '],
  ])('is not made of %s, and the lines are those of what was given', async (_, text, code, detail) => {
    const parent = await aVmFolder();
    const refused = await createVmFrom(parent, 'vm', utf8(text));
    expect(refused).toMatchObject({ fault: { code, detail: expect.stringContaining(detail) as string } });
    expect(await readdir(parent)).toEqual([]);
  });
});
