import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { anInitialisedFolder, sekimori, sekimoriJson } from './support.ts';

const boots = fileURLToPath(new URL('../../../examples/boots', import.meta.url));
const names = readdirSync(boots).filter((name) => statSync(join(boots, name)).isDirectory());
const logOf = (name: string) => join(boots, name, 'binary_bios_measurements');

describe('explain', () => {
  it.each(names)('reads %s, and replays what its TPM had', async (name) => {
    const [status, explained] = await sekimoriJson(['explain', logOf(name)]);
    expect(status).toBe(0);
    expect(explained).toMatchObject({ authenticated: false, findings: [] });
    const recorded = readFileSync(join(boots, name, 'pcrs_sha256.txt'), 'utf8').toLowerCase();
    for (const pcr of [0, 4, 7, 11])
      if (explained.pcrs.sha256[pcr]) expect(recorded).toContain(explained.pcrs.sha256[pcr]);
    const { status: plain, stdout } = await sekimori(['explain', logOf(name)]);
    expect(plain).toBe(0);
    expect(stdout).toContain('Secure Boot');
    expect(stdout).not.toContain('\u001b');
  });

  it('draws a tree for a terminal, within its columns', async () => {
    const { stdout } = await sekimori(['explain', logOf('uki-snakeoil')], { columns: 80, colours: true });
    expect(stdout).toContain('└─');
    expect(stdout).toContain('\u001b[');
    const lines = stripVTControlCharacters(stdout).split('\n').slice(3);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    const { stdout: plain } = await sekimori(['explain', logOf('uki-snakeoil')], { columns: 80 });
    expect(plain).not.toContain('\u001b');
  });

  it('ends rubbish with status 1 and one clear line', async () => {
    const file = join(dirname(await anInitialisedFolder()), 'rubbish');
    for (const content of [
      Buffer.alloc(0),
      Buffer.from('no log at all, '.repeat(9)),
      readFileSync(logOf('uki-plain')).subarray(0, 1000),
    ]) {
      writeFileSync(file, content);
      const { status, stdout, stderr } = await sekimori(['explain', file]);
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/^sekimori: error: .* is no boot log: .*\nsekimori: hint: .*\n$/);
    }
    const [, { fault }] = await sekimoriJson(['explain', file]);
    expect(fault.code).toBe('log-malformed');
  });

  it('says what is wrong with a file that is not there, or is a folder', async () => {
    expect((await sekimoriJson(['explain', join(boots, 'none')]))[1].fault.code).toBe('file');
    expect((await sekimoriJson(['explain', boots]))[0]).toBe(1);
  });
});
