import { expect, it } from 'vitest';
import { textNarrator } from '../src/narrator.ts';
import { Refused, Story, StoryEnded } from '../src/story.ts';

it('reports each step, and ends at the first that fails', async () => {
  let written = '';
  let clock = 0;
  const story = new Story(
    textNarrator((text) => (written += text), false),
    () => (clock += 5),
  );
  story.chapter('One');
  expect(await story.step('opens', async () => ({ value: 7, lines: ['seven'] }))).toBe(7);
  await story.step('is refused', async () => ({ value: undefined, fault: 'challenge-used' }));
  const phases = [
    { phase: 'lock', millis: 2 },
    { phase: 'key', millis: 3 },
  ];
  await story.step('has parts', async () => ({ value: undefined, phases }));
  const failing = story.step('surprises', async () => {
    throw new Refused('policy-denied', 'PCR 4');
  });
  await expect(failing).rejects.toBeInstanceOf(StoryEnded);
  expect(story.ok).toBe(false);
  expect(story.steps).toEqual([
    { name: 'opens', ok: true, millis: 5 },
    { name: 'is refused', ok: true, fault: 'challenge-used', millis: 5 },
    { name: 'has parts', ok: true, millis: 5, phases },
    { name: 'surprises', ok: false, fault: 'policy-denied', problem: 'policy-denied: PCR 4', millis: 5 },
  ]);
  expect(written).toContain('✓ opens 5 ms\n      seven\n');
  expect(written).toContain('✓ has parts 5 ms\n      lock 2 ms, key 3 ms\n');
  expect(written).toContain('✗ surprises [policy-denied] 5 ms\n      policy-denied: PCR 4\n');
  expect(written).not.toContain('\u001b');
});

it('does not call an empty story good', () => {
  expect(
    new Story(
      textNarrator(() => {}, true),
      () => 0,
    ).ok,
  ).toBe(false);
});

it('says which chapter is left out, and why', () => {
  let written = '';
  const story = new Story(
    textNarrator((text) => (written += text), false),
    () => 0,
  );
  story.leaveOut('Two', 'there is no QEMU');
  expect(story.leftOut).toEqual([{ chapter: 'Two', why: 'there is no QEMU' }]);
  expect(written).toBe('\nTwo\n  left out: there is no QEMU\n');
});
