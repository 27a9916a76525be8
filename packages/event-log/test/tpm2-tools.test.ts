import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { toHex } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { replay, replayable } from '../src/index.ts';
import { BOOTS, boot, bootFolders } from './boots.ts';

const found = spawnSync('tpm2_eventlog', ['--version']).error === undefined;
if (!found && process.env['CI']) throw new Error('tpm2_eventlog (tpm2-tools) is not installed');
if (!found) console.warn('tpm2_eventlog (tpm2-tools) is not installed (skipped)');

describe.skipIf(!found)('tpm2_eventlog agrees', () => {
  it.each(bootFolders(BOOTS))('%s: types, digests, PCRs', (name) => {
    const path = resolve(BOOTS, name, 'binary_bios_measurements');
    const { stdout } = spawnSync('tpm2_eventlog', [path], { encoding: 'utf8', maxBuffer: 1 << 26 });
    const [events, pcrs] = stdout.split(/^pcrs:$/m) as [string, string];
    const log = boot(name);
    expect([...events.matchAll(/^ {2}EventType: (\S+)$/gm)].map(([, type]) => type)).toEqual(
      log.events.map((event) => event.typeName),
    );
    expect([...events.matchAll(/^ {4}Digest: "([0-9a-f]+)"$/gm)].map(([, digest]) => digest)).toEqual(
      log.events.slice(1).flatMap((event) => [...event.digests.values()].map(toHex)),
    );
    for (const bank of replayable(log)) {
      const block = new RegExp(`^ {2}${bank}:\\n((?: {4}\\d+ *: .*\\n?)*)`, 'm').exec(pcrs)?.[1] ?? '';
      const theirs = [...block.matchAll(/(\d+) *: 0x([0-9a-f]+)/g)].map(([, pcr, value]) => [Number(pcr), value]);
      const ours = [...expectOk(replay(nodeCrypto, log, bank))].map(([pcr, value]) => [pcr, toHex(value)]);
      expect({ [bank]: theirs }).toEqual({ [bank]: ours });
    }
  });
});
