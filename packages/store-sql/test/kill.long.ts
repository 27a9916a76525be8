import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { aFile } from './files.ts';
import { expectNothingLost, killAfter, startWriter } from './kill.ts';

it('loses nothing acknowledged over many kills', async () => {
  const file = aFile();
  const acknowledged: string[] = [];
  for (let round = 0; round < 40; round++) {
    acknowledged.push(...(await killAfter(file, 1 + ((round * 37) % 200))));
    if (round % 8 === 7) await expectNothingLost(file, acknowledged);
  }
});

it('loses nothing when two processes write and both are killed', async () => {
  const file = aFile();
  const acknowledged: string[] = [];
  for (let round = 0; round < 10; round++) {
    const both = await Promise.all([killAfter(file, 50), killAfter(file, 80)]);
    acknowledged.push(...both.flat());
  }
  await expectNothingLost(file, acknowledged);
});

it('lets four processes make and fill one database together', async () => {
  for (let round = 0; round < 5; round++) {
    const file = aFile();
    const outputs = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const writer = startWriter(file, '100');
        const [output, [status]] = await Promise.all([text(writer.stdout), once(writer, 'exit')]);
        expect(status).toBe(0);
        return output.trim().split('\n');
      }),
    );
    expect(outputs.flat().length).toBe(400);
    await expectNothingLost(file, outputs.flat());
  }
});
