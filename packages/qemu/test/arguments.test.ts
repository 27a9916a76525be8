import { describe, expect, it } from 'vitest';
import {
  type Drive,
  type EncryptionSupportedMachine,
  type Machine,
  machineArguments,
  type Plumbing,
  type ShieldedMachine,
} from '../src/index.ts';

const DRIVE: Drive = { id: 'root', descriptor: 'root', luks: { secret: 'root' }, bootIndex: 0 };
const SHIELDED: ShieldedMachine = {
  protection: 'shielded',
  name: 'vm1',
  uuid: '0b4f6d2e-5a86-4c39-9d57-1f0c3c2f8a11',
  accelerator: 'kvm',
  cpu: 'host',
  cpus: 2,
  memoryMiB: 2048,
  firmware: { code: 'code', variables: 'variables', secureBoot: true },
  tpm: { controlSocket: '/run/vm1/swtpm' },
  drives: [DRIVE, { id: 'data', descriptor: 'data', luks: { secret: 'root' }, cache: 'directsync' }],
  networks: [{ kind: 'tap', interface: 'vm1-0', mac: '52:54:00:00:00:01' }],
  ports: [{ name: 'sekimori.guest', socket: '/run/vm1/port' }],
};
const SUPPORTED: EncryptionSupportedMachine = {
  ...SHIELDED,
  protection: 'encryption-supported',
  serial: { socket: '/run/vm1/serial' },
  screen: { socket: '/run/vm1/screen' },
  guestAgent: { socket: '/run/vm1/agent' },
};
const PLUMBING: Plumbing = {
  qmpSocket: '/run/vm1/qmp.sock',
  descriptors: new Map(
    ['code', 'variables', 'root', 'data'].map((id, index) => [id, { fd: 3 + index, blockDevice: id === 'data' }]),
  ),
  secretFiles: new Map([['root', '/run/vm1/secret-root']]),
  identity: { uid: 1_900_000_001, gid: 1_900_000_001 },
};

const build = (changes: object, machine: Machine = SHIELDED) => machineArguments({ ...machine, ...changes }, PLUMBING);

/** Options with their values. */
function argumentsOf(machine: Machine, plumbing = PLUMBING): readonly (readonly [string, string])[] {
  const built = machineArguments(machine, plumbing);
  if (!built.ok) throw new Error(built.fault.detail);
  const list = built.value;
  return list.flatMap((text, index) => (text.startsWith('-') ? [[text, list[index + 1] ?? ''] as const] : []));
}
const values = (machine: Machine, option: string) =>
  argumentsOf(machine).flatMap(([name, value]) => (name === option ? [value] : []));
const json = (machine: Machine, option: string) =>
  values(machine, option).map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>);

describe('a shielded machine', () => {
  it('has one monitor, and nothing that lets anybody look in', () => {
    const all = argumentsOf(SHIELDED);
    const names = new Set(all.map(([name]) => name));
    for (const option of [
      '-serial',
      '-parallel',
      '-vnc',
      '-spice',
      '-gdb',
      '-s',
      '-monitor',
      '-qmp',
      '-fsdev',
      '-virtfs',
    ])
      expect(names).not.toContain(option);
    expect(values(SHIELDED, '-mon')).toEqual(['chardev=qmp,mode=control']);
    expect(values(SHIELDED, '-display')).toEqual(['none']);
    expect(names).toContain('-nodefaults');
    expect(names).toContain('-no-user-config');
    const drivers = json(SHIELDED, '-device').map(({ driver }) => driver);
    expect(new Set(drivers)).toEqual(
      new Set(['tpm-crb', 'virtio-blk-pci', 'virtio-net-pci', 'virtio-rng-pci', 'virtio-serial-pci', 'virtserialport']),
    );
  });

  it.each([
    ['serial', { serial: { socket: '/run/s' } }],
    ['screen', { screen: { socket: '/run/s' } }],
    ['guestAgent', { guestAgent: { socket: '/run/s' } }],
    ['hostDevices', { hostDevices: ['0000:01:00.0'] }],
    ['sharedFolders', { sharedFolders: ['/home'] }],
    ['extraArguments', { extraArguments: ['-gdb', 'tcp::1234'] }],
  ])('is refused with %s, also where no compiler looked', (part, changes) => {
    expect(build(changes)).toMatchObject({ ok: false, fault: { code: 'bad-machine', at: part } });
  });

  it.each(['org.qemu.guest_agent.0', 'org.qemu.monitor', 'com.redhat.spice.0', 'ORG.QEMU.guest_agent.0'])(
    'has no port %s',
    (name) => {
      const outcome = build({ ports: [{ name, socket: '/run/s' }] });
      expect(outcome).toMatchObject({ fault: { code: 'bad-machine', at: 'ports.0.name' } });
    },
  );
});

describe('a machine', () => {
  it('has its disks by descriptor, locked, in a format that is said', () => {
    expect(values(SHIELDED, '-add-fd')).toEqual([
      'fd=3,set=0,opaque=code',
      'fd=4,set=1,opaque=variables',
      'fd=5,set=2,opaque=root',
      'fd=6,set=3,opaque=data',
    ]);
    const [code, variables, root, data] = json(SHIELDED, '-blockdev');
    expect(code).toMatchObject({
      driver: 'raw',
      'read-only': true,
      file: { filename: '/dev/fdset/0', 'read-only': true },
    });
    expect(variables).toMatchObject({ driver: 'raw', file: { filename: '/dev/fdset/1', locking: 'on' } });
    expect(root).toEqual({
      driver: 'luks',
      'node-name': 'drive-root',
      'key-secret': 'secret-root',
      'read-only': false,
      cache: { direct: false, 'no-flush': false },
      file: {
        driver: 'file',
        filename: '/dev/fdset/2',
        locking: 'on',
        'read-only': false,
        cache: { direct: false, 'no-flush': false },
      },
    });
    expect(data).toMatchObject({ driver: 'luks', cache: { direct: true }, file: { driver: 'host_device' } });
    const disks = json(SHIELDED, '-device').filter(({ driver }) => driver === 'virtio-blk-pci');
    expect(disks).toMatchObject([{ bootindex: 0, 'write-cache': 'on' }, { 'write-cache': 'off' }]);
    expect(disks[1]).not.toHaveProperty('bootindex');
  });

  it('has each secret once, as a file', () => {
    expect(json(SHIELDED, '-object').filter((object) => object['qom-type'] === 'secret')).toEqual([
      { 'qom-type': 'secret', id: 'secret-root', file: '/run/vm1/secret-root' },
    ]);
  });

  it('becomes another user, or keeps the sandbox that forbids it', () => {
    expect(values(SHIELDED, '-runas')).toEqual(['1900000001:1900000001']);
    const { identity: _, ...plain } = PLUMBING;
    const own = argumentsOf(SHIELDED, plain);
    expect(own.find(([name]) => name === '-runas')).toBeUndefined();
    expect(own.find(([name]) => name === '-sandbox')?.[1]).toBe(
      'on,obsolete=deny,spawn=deny,resourcecontrol=deny,elevateprivileges=deny',
    );
  });

  it('has Secure Boot with variables that the firmware alone writes, or neither', () => {
    const secure = 'driver=cfi.pflash01,property=secure,value=on';
    expect(values(SHIELDED, '-global')).toContain(secure);
    expect(values(SHIELDED, '-machine')[0]).toContain('smm=on');
    const plain = { ...SHIELDED, firmware: { ...SHIELDED.firmware, secureBoot: false } };
    expect(values(plain, '-global')).not.toContain(secure);
    expect(values(plain, '-machine')[0]).toContain('smm=off');
  });

  it('that is not shielded shows its serial port and screen, and has an agent', () => {
    expect(values(SUPPORTED, '-serial')).toEqual(['chardev:serial']);
    expect(values(SUPPORTED, '-display')).toEqual(['vnc=unix:/run/vm1/screen']);
    expect(json(SUPPORTED, '-device')).toContainEqual({
      driver: 'virtserialport',
      chardev: 'port-1',
      name: 'org.qemu.guest_agent.0',
    });
  });

  it('that names what was not given is a bug of the caller', () => {
    const empty = { ...PLUMBING, descriptors: new Map() };
    expect(() => machineArguments(SHIELDED, empty)).toThrow('a descriptor that was not given: code');
    expect(() => machineArguments(SHIELDED, { ...PLUMBING, secretFiles: new Map() })).toThrow(
      'secret that was not given',
    );
  });
});

describe('a value cannot become an option', () => {
  const comma = '/run/a,server=off,b';

  it.each([
    ['tpm', { tpm: { controlSocket: comma } }, `socket,id=tpm,path=/run/a,,server=off,,b`],
    [
      'port',
      { ports: [{ name: 'p', socket: comma }] },
      `socket,id=port-0,path=/run/a,,server=off,,b,server=on,wait=off`,
    ],
    ['serial', { serial: { file: comma } }, `file,id=serial,path=/run/a,,server=off,,b,append=on`],
  ])('with a comma in the path of %s', (_, changes, expected) => {
    expect(values({ ...SUPPORTED, ...changes }, '-chardev')).toContain(expected);
  });

  const injections = ['a,b', 'a b', 'a\nb', 'a=b', '', '-gdb', 'a"b', "a'b", 'ä', 'a\0', 'x'.repeat(200)];
  const places: readonly [at: string, change: (value: string) => object][] = [
    ['name', (name) => ({ name })],
    ['uuid', (uuid) => ({ uuid })],
    ['type', (type) => ({ type })],
    ['accelerator', (accelerator) => ({ accelerator })],
    ['cpu', (cpu) => ({ cpu })],
    ['protection', (protection) => ({ protection })],
    ['firmware.code', (code) => ({ firmware: { ...SHIELDED.firmware, code } })],
    ['firmware.variables', (variables) => ({ firmware: { ...SHIELDED.firmware, variables } })],
    ['drives.0.id', (id) => ({ drives: [{ ...DRIVE, id }] })],
    ['drives.0.descriptor', (descriptor) => ({ drives: [{ ...DRIVE, descriptor }] })],
    ['drives.0.serial', (serial) => ({ drives: [{ ...DRIVE, serial }] })],
    ['drives.0.luks.secret', (secret) => ({ drives: [{ ...DRIVE, luks: { secret } }] })],
    ['drives.0.cache', (cache) => ({ drives: [{ ...DRIVE, cache }] })],
    ['networks.0.kind', (kind) => ({ networks: [{ kind }] })],
    ['networks.0.interface', (name) => ({ networks: [{ kind: 'tap', interface: name }] })],
    ['networks.0.mac', (mac) => ({ networks: [{ kind: 'user', mac }] })],
    ['ports.0.name', (name) => ({ ports: [{ name, socket: '/run/p' }] })],
  ];
  it.each(places)('%s', (_, change) => {
    for (const value of injections)
      expect(build(change(value)), JSON.stringify(value)).toMatchObject({ ok: false, fault: { code: 'bad-machine' } });
  });

  it.each(['relative', '', '/a\nb', '/a\0b', '/a\u0085b', `/${'x'.repeat(107)}`])(
    'the path of a socket: %j',
    (socket) => {
      expect(build({ tpm: { controlSocket: socket } })).toMatchObject({ fault: { at: 'tpm.controlSocket' } });
      expect(build({ ports: [{ name: 'p', socket }] })).toMatchObject({ fault: { at: 'ports.0.socket' } });
      expect(build({ screen: { socket } }, SUPPORTED)).toMatchObject({ fault: { at: 'screen.socket' } });
    },
  );

  it.each([
    ['cpus', 0],
    ['cpus', 1.5],
    ['cpus', 289],
    ['cpus', '1,x'],
    ['memoryMiB', Number.NaN],
    ['memoryMiB', 2 ** 40],
  ])('%s of %j', (at, value) => {
    expect(build({ [at]: value })).toMatchObject({ fault: { code: 'bad-machine', at } });
  });

  it('two drives never share id, descriptor or place in the boot order', () => {
    for (const twin of [{ id: 'root' }, { descriptor: 'root' }, { bootIndex: 0 }]) {
      const other = { id: 'data', descriptor: 'data', bootIndex: 1, ...twin };
      expect(build({ drives: [DRIVE, other] })).toMatchObject({ fault: { code: 'bad-machine', at: 'drives.1' } });
    }
  });
});
