import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { killPoints, nameOf, seedOr } from './points.ts';
import { KillStage } from './stage.ts';
import { stopped, strike } from './strike.ts';

/** One machine with one VM, struck at each point in turn. The seed, by which the same points come again, is in the name. */
export function killSuite(options: { readonly points: number; readonly seed: number; readonly skip: boolean }): void {
  const seed = seedOr(options.seed);
  const points = killPoints(seed, options.points);
  describe.skipIf(options.skip)(`a VM opens again after kill -9, SEKIMORI_SEED=${seed}`, () => {
    let stage: KillStage;
    let strikes = 0;
    beforeAll(async () => {
      stage = await KillStage.make();
    });
    afterAll(() => stage?.close());

    it.each(points.map((point) => [nameOf(point), point] as const))('%s', async (name, point) => {
      onTestFailed(async () => tell(`${name} failed. The agent said:\n${await stage.agentLog()}`));
      const { struck, answer, fate } = await strike(stage, point);
      if (struck) strikes++;
      tell(`${name}: ${struck ? '' : 'too late; '}the answer was '${answer}', the VM ${fate}`);
    });

    it('and nothing is left of it', () => stopped(stage));
    // A victim may have ended by itself in the moment before; not so as a rule.
    it('and most points were met', () => expect(strikes).toBeGreaterThan((points.length * 3) / 4));
  });
}

const tell = (line: string): void => void process.stderr.write(`${line}\n`);
