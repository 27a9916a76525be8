import { expect, it } from 'vitest';
import { aFile } from './files.ts';
import { expectNothingLost, killAfter } from './kill.ts';

it('loses nothing acknowledged when the process is killed', async () => {
  const file = aFile();
  const acknowledged: string[] = [];
  for (const after of [1, 40]) {
    acknowledged.push(...(await killAfter(file, after)));
    await expectNothingLost(file, acknowledged);
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(41);
});
