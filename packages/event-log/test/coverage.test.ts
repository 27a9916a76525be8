import { concat, fromHex, utf8 } from '@sekimori/bytes';
import { encode, u64le } from '@sekimori/codec';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { describe, expect, it } from 'vitest';
import { describeEvent, EV, eventTypeName, readEvent } from '../src/index.ts';
import { utf16 } from './boots.ts';

const nul = Uint8Array.of(0);
const guid = fromHex('61dfe48bca93d211aa0d00e098032b8c') as Uint8Array;
const variable = (name: string, value: Uint8Array) =>
  concat(guid, encode(u64le, BigInt(name.length)), encode(u64le, BigInt(value.length)), utf16(name), value);

/** What the digest of `hashed` says about `data`. */
function read(pcr: number, type: number, data: Uint8Array, hashed: Uint8Array) {
  const digest = nodeCrypto.hash('sha256', hashed);
  const event = {
    index: 1,
    offset: 0,
    pcr,
    type,
    typeName: eventTypeName(type),
    data,
    digests: new Map([['sha256', digest] as const]),
  };
  const known = readEvent(nodeCrypto, event, digest, 'sha256');
  return [known.coverage, describeEvent(known)];
}

describe('which data the digest covers', () => {
  it.each([
    [
      'the whole variable',
      7,
      EV.EV_EFI_VARIABLE_DRIVER_CONFIG,
      variable('PK', nul),
      variable('PK', nul),
      'hashed',
      'variable PK (1 bytes, 00)',
    ],
    [
      'a boot variable’s value alone',
      1,
      EV.EV_EFI_VARIABLE_BOOT,
      variable('Boot0001', utf8('abc')),
      utf8('abc'),
      'partly',
      'variable Boot0001 (3 bytes)',
    ],
    [
      'a boot variable as old firmware hashes it',
      1,
      EV.EV_EFI_VARIABLE_BOOT,
      variable('Boot0001', utf8('abc')),
      variable('Boot0001', utf8('abc')),
      'hashed',
      'variable Boot0001 (3 bytes)',
    ],
    [
      'an authority',
      7,
      EV.EV_EFI_VARIABLE_AUTHORITY,
      variable('db', utf8('cert')),
      variable('db', utf8('cert')),
      'hashed',
      'authority db (4 bytes)',
    ],
    [
      'an authority with the extra byte of old shim',
      7,
      EV.EV_EFI_VARIABLE_AUTHORITY,
      concat(variable('Shim', utf8('cert')), nul),
      variable('Shim', utf8('cert')),
      'partly',
      'authority Shim (4 bytes)',
    ],
    ['an action', 4, EV.EV_EFI_ACTION, utf8('Calling'), utf8('Calling'), 'hashed', 'Calling'],
    ['an action logged with its NUL', 4, EV.EV_EFI_ACTION, utf8('Calling\0'), utf8('Calling'), 'partly', 'Calling'],
    ['a GRUB command', 8, EV.EV_IPL, utf8('grub_cmd: boot\0'), utf8('boot'), 'partly', 'grub_cmd: boot'],
    ['a GRUB command of RHEL 8', 8, EV.EV_IPL, utf8('grub_cmd boot\0'), utf8('boot\0'), 'partly', 'grub_cmd: boot'],
    [
      'a command line',
      8,
      EV.EV_IPL,
      utf8('kernel_cmdline: /vmlinuz quiet\0'),
      utf8('/vmlinuz quiet'),
      'partly',
      'kernel_cmdline: /vmlinuz quiet',
    ],
    [
      'a command line of RHEL 8',
      8,
      EV.EV_IPL,
      utf8('grub_kernel_cmdline quiet\0'),
      utf8('quiet'),
      'partly',
      'grub_kernel_cmdline: quiet',
    ],
    ['a false command', 8, EV.EV_IPL, utf8('grub_cmd: boot\0'), utf8('evil'), 'unverified', 'grub_cmd: boot'],
    ['a file of GRUB', 9, EV.EV_IPL, utf8('/vmlinuz\0'), utf8('content'), 'unverified', 'object /vmlinuz'],
    [
      'the name of a UKI section',
      11,
      EV.EV_IPL,
      utf16('.cmdline\0'),
      utf8('.cmdline\0'),
      'hashed',
      'UKI section name .cmdline',
    ],
    [
      'the content of a UKI section',
      11,
      EV.EV_IPL,
      utf16('.cmdline\0'),
      utf8('quiet'),
      'unverified',
      'content of UKI section .cmdline',
    ],
    ['a command line of systemd-stub', 12, EV.EV_IPL, utf16('quiet\0'), utf16('quiet'), 'hashed', 'quiet'],
    [
      'a command line of old systemd-boot',
      8,
      EV.EV_IPL,
      concat(utf16('quiet'), nul),
      utf16('quiet\0'),
      'hashed',
      'quiet',
    ],
    [
      'an initrd of the EFI stub',
      9,
      EV.EV_EVENT_TAG,
      concat(fromHex('ec223b8f0d000000') as Uint8Array, utf8('Linux initrd\0')),
      utf8('initrd'),
      'unverified',
      'object Linux initrd (tag 0x8f3b22ec)',
    ],
    [
      'a firmware volume',
      0,
      EV.EV_EFI_PLATFORM_FIRMWARE_BLOB,
      concat(encode(u64le, 0x1000n), encode(u64le, 16n)),
      utf8('code'),
      'unverified',
      'firmware at 0x1000, 16 bytes',
    ],
    [
      'an event that is never extended',
      0,
      EV.EV_NO_ACTION,
      utf8('StartupLocality\0\x03'),
      utf8('StartupLocality\0\x03'),
      'unverified',
      'startup locality 3',
    ],
  ] as const)('%s', (_, pcr, type, data, hashed, coverage, words) => {
    expect(read(pcr, type, data, hashed)).toEqual([coverage, words]);
  });

  it('nothing, where the bank has no digest', () => {
    const event = {
      index: 1,
      offset: 0,
      pcr: 4,
      type: EV.EV_EFI_ACTION,
      typeName: 'EV_EFI_ACTION',
      data: utf8('x'),
      digests: new Map(),
    };
    expect(readEvent(nodeCrypto, event, new Uint8Array(), 'sha256').coverage).toBe('unverified');
  });
});

describe('what a host wrote', () => {
  it('cannot reach a terminal as control characters', () => {
    const [, words] = read(7, EV.EV_EFI_VARIABLE_AUTHORITY, variable('\u001b[2J\u202ename', nul), nul);
    expect(words).toBe('authority .[2J.name (1 bytes, 00)');
  });

  it('is cut to one line', () => {
    const [, words] = read(8, EV.EV_IPL, utf8(`grub_cmd: ${'x'.repeat(1000)}`), nul);
    expect(words).toHaveLength(240);
  });
});

describe('a description', () => {
  it.each(['', 'x', 'xy'])('is cut between characters, after %j', (start) => {
    const data = utf16(`${start}${'😀'.repeat(300)}`);
    const [, description] = read(9, EV.EV_IPL, data, utf8('another'));
    expect(description?.isWellFormed()).toBe(true);
    expect(Array.from(description ?? '')).toHaveLength(240);
    expect(description).toMatch(/😀…$/u);
  });
  it('of just as many characters as fit is whole', () => {
    const [, description] = read(9, EV.EV_IPL, utf16('😀'.repeat(233)), utf8('another'));
    expect(description).toBe(`object ${'😀'.repeat(233)}`);
  });
});
