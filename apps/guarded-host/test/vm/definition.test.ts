import { utf8 } from '@sekimori/bytes';
import { parseVmId, type SecurityPolicy } from '@sekimori/guest-state';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { checkDefinition } from '../../src/vm/definition/check.ts';
import { readVmDefinition } from '../../src/vm/definition/read.ts';

const id = '0190b5a2-0000-7000-8000-000000000001';
const GOOD = `version: 1
name: db1
id: ${id}
security: shielded
machine:
  accelerator: tcg
  cpus: 2
  memoryMiB: 512
firmware:
  secureBoot: true
disks:
  - name: system
    file: system.img
    mode: boot
    bootIndex: 0
  - name: data
    file: data.img
    mode: guest
`;
const policy: SecurityPolicy = {
  vmId: parseVmId(id)!,
  level: 'shielded',
  secureBoot: true,
  disks: new Map([
    ['system', 'boot'],
    ['data', 'guest'],
  ]),
};
const read = (text: string) => readVmDefinition(utf8(text));

describe('a VM definition', () => {
  it('is YAML or JSON', () => {
    const { definition } = expectOk(read(GOOD));
    expect(definition.disks.map(({ name, mode }) => `${name} ${mode}`)).toEqual(['system boot', 'data guest']);
    expect(expectOk(read(JSON.stringify(definition, null, 2))).definition).toEqual(definition);
  });

  it.each([
    [
      'a key that is not known',
      GOOD.replace('cpus: 2', 'cpus: 2\n  hotplug: yes'),
      'line 8: machine.hotplug is not known here',
    ],
    ['a value out of range', GOOD.replace('memoryMiB: 512', 'memoryMiB: 1'), 'line 8: machine.memoryMiB '],
    [
      'a disk mode that is not known',
      GOOD.replace('mode: guest', 'mode: plain'),
      'line 18: disks.1.mode must be one of guest, outer, boot',
    ],
    ['something missing', GOOD.replace('  cpus: 2\n', ''), 'line 5: machine has no cpus'],
    ['two disks of one name', GOOD.replace('name: data', 'name: system'), 'line 16: two disks are named system'],
    ['a key twice', `${GOOD}name: db2\n`, 'line 19: '],
    ['an alias', GOOD.replace('name: db1', 'name: &n db1').replace('name: data', 'name: *n'), 'line 1: aliases'],
    ['a tag', GOOD.replace('name: db1', 'name: !!js/function db1'), 'line 2: '],
    ['a line end in a file name', GOOD.replace('file: data.img', 'file: "data\\n.img"'), 'line 17: disks.1.file '],
    ['an option of QEMU in a name', GOOD.replace('name: db1', 'name: db1,debug-threads=on'), 'line 2: name '],
    ['no text', '\u0000', 'line 1: '],
    ['a list', '- 1', 'line 1: '],
    ['two documents', `${GOOD}---\n${GOOD}`, 'line '],
    ['a tap network without its tap', `${GOOD}networks:\n  - type: tap\n`, "line 20: a network of type 'tap'"],
  ])('is refused with %s, and the line is named', (_, text, expected) => {
    const refused = read(text);
    expect(refused).toMatchObject({ ok: false, fault: { code: 'vm-definition-invalid' } });
    if (!refused.ok) expect(refused.fault.detail).toContain(expected);
  });

  it('is a value or a fault, never a throw, cut anywhere and with any byte changed', () => {
    const bytes = utf8(GOOD);
    for (let at = 0; at < bytes.length; at++) {
      expect(() => readVmDefinition(bytes.subarray(0, at))).not.toThrow();
      for (const byte of [0x00, 0x26, 0x2a, 0x5b, 0x80])
        expect(() => readVmDefinition(bytes.with(at, byte))).not.toThrow();
    }
  });

  it('is read in one pass, however many keys of whatever kind it has', () => {
    const keys = Array.from({ length: 1200 }, (_, n) => `k${n}: 1`).join('\n');
    expect(read(`${GOOD}${keys}`)).toMatchObject({ fault: { code: 'vm-definition-invalid' } });
    expect(read(`{${'[],'.repeat(5000)}}`)).toMatchObject({
      fault: { code: 'vm-definition-invalid', detail: 'line 1: a key stands twice' },
    });
  });

  it('is bounded: neither a large nor a deep one is read', () => {
    expect(read(`# ${'x'.repeat(70_000)}`)).toMatchObject({ fault: { code: 'vm-definition-invalid' } });
    expect(read('['.repeat(30_000))).toMatchObject({ fault: { code: 'vm-definition-invalid' } });
    expect(read(`a: ${'{a: '.repeat(10_000)}`)).toMatchObject({ fault: { code: 'vm-definition-invalid' } });
  });
});

describe("a definition against the owner's security policy", () => {
  const check = (text: string, against = policy) => checkDefinition(expectOk(read(text)), against);
  const violationsOf = (text: string, against = policy) => {
    const checked = check(text, against);
    return checked.ok ? [] : checked.fault.violations.map(({ line, path }) => `${line} ${path}`);
  };

  it('passes where it keeps to it', () => {
    expect(check(GOOD)).toEqual({ ok: true, value: undefined });
    expect(check(`${GOOD}devices:\n  serial: false\n  hostDevices: []\n`).ok).toBe(true);
  });

  it.each([
    ['devices:\n  serial: true\n', '20 devices.serial'],
    ['devices:\n  console: true\n', '20 devices.console'],
    ['devices:\n  monitor: true\n', '20 devices.monitor'],
    ['devices:\n  guestAgent: true\n', '20 devices.guestAgent'],
    ['devices:\n  debugStub: true\n', '20 devices.debugStub'],
    ['devices:\n  hostDevices: ["0000:01:00.0"]\n', '20 devices.hostDevices'],
    ['devices:\n  sharedFolders:\n    - /srv\n', '20 devices.sharedFolders'],
  ])('breaks shielded with %j, and the line is named', (devices, expected) => {
    expect(violationsOf(GOOD + devices)).toEqual([expected]);
  });

  it('names every line that breaks it, in order', () => {
    const text = GOOD.replace('security: shielded', 'security: encryption-supported')
      .replace('secureBoot: true', 'secureBoot: false')
      .replace('mode: guest', 'mode: outer');
    expect(violationsOf(text)).toEqual(['4 security', '10 firmware.secureBoot', '18 disks.1.mode']);
  });

  it('refuses a disk more and a disk less', () => {
    expect(violationsOf(`${GOOD}  - name: other\n    file: other.img\n    mode: outer\n`)).toEqual(['19 disks.2.name']);
    expect(violationsOf(GOOD.replace(/ {2}- name: data[^]*/, ''))).toEqual(['11 disks']);
  });

  it("refuses another VM's policy", () => {
    const other = { ...policy, vmId: parseVmId(id.replace(/1$/, '2'))! };
    expect(violationsOf(GOOD, other)).toEqual(['3 id']);
  });

  it('allows console and serial where encryption is supported, but no monitor, debugger or shared folder', () => {
    const supported: SecurityPolicy = { ...policy, level: 'encryption-supported' };
    const text = GOOD.replace('security: shielded', 'security: encryption-supported');
    expect(violationsOf(`${text}devices:\n  serial: true\n  console: true\n  guestAgent: true\n`, supported)).toEqual(
      [],
    );
    expect(
      violationsOf(`${text}devices:\n  monitor: true\n  debugStub: true\n  sharedFolders: [/srv]\n`, supported),
    ).toEqual(['20 devices.monitor', '21 devices.debugStub', '22 devices.sharedFolders']);
  });
});
