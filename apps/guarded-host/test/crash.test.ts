import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import { fileHostState } from '../src/index.ts';
import { aFolder } from './support/folders.ts';
import { AFTER, BEFORE } from './support/states.ts';

const WRITER = fileURLToPath(new URL('support/dying-writer.ts', import.meta.url));

/** How many calls it made; undefined where it was killed at that one. */
async function written(folder: string, nth: number): Promise<number | undefined> {
  const child = spawn(process.execPath, ['--conditions=@sekimori/source', WRITER, folder, String(nth)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [calls, [status, signal]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  expect(signal ?? status).toBe(nth === NEVER ? 0 : 'SIGKILL');
  return nth === NEVER ? Number(calls) : undefined;
}

const NEVER = 0;
const AT_ONCE = 4;

async function aKill(nth: number): Promise<number | undefined> {
  const folder = join(await aFolder(), 'state');
  const before = expectOk(await fileHostState(folder));
  await before.saveEnrolment(BEFORE.enrolment);
  await before.saveHealth(BEFORE.health);
  const calls = await written(folder, nth);

  const state = expectOk(await fileHostState(folder));
  const [enrolment, health] = [expectOk(await state.enrolment()), expectOk(await state.health())];
  const key = expectOk(await state.clientKey())?.use((bytes) => Uint8Array.from(bytes));
  // in the order of writing
  expect(enrolment).toBeOneOf([BEFORE.enrolment, AFTER.enrolment]);
  expect(health).toBeOneOf(enrolment?.name === 'after' ? [BEFORE.health, AFTER.health] : [BEFORE.health]);
  expect(key).toBeOneOf([undefined, AFTER.key]);
  if (nth === NEVER) expect([enrolment, health, key]).toEqual([AFTER.enrolment, AFTER.health, AFTER.key]);

  await state.saveHealth(AFTER.health); // what the dead one left behind is in nobody's way
  expect(expectOk(await state.health())).toEqual(AFTER.health);
  return calls;
}

it('a state folder survives a kill at every call to the file system: each file is the old one or the new one', async () => {
  const calls = (await aKill(NEVER))!;
  expect(calls).toBeGreaterThan(20);
  const points = Array.from({ length: calls }, (_, at) => at + 1);
  const lane = async () => {
    for (let nth = points.shift(); nth !== undefined; nth = points.shift()) await aKill(nth);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}, 120_000);
