import { concat, fromHex, toHex, utf8 } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { describe, expect, it } from 'vitest';
import { devicePathFile, EV, type EventLog, guidBytes, guidText, readEvent } from '../src/index.ts';
import { boot } from './boots.ts';

const imagesOf = (log: EventLog) =>
  log.events
    .filter((event) => event.type === EV.EV_EFI_BOOT_SERVICES_APPLICATION)
    .map((event) => readEvent(nodeCrypto, event, event.digests.get('sha256')!, 'sha256').content);

describe('where an image was loaded from', () => {
  it('names file and partition; an image from memory has neither', () => {
    expect(imagesOf(boot('shim-ms'))).toEqual([
      { is: 'image', path: '\\EFI\\BOOT\\BOOTX64.EFI', partition: '22222222-2222-2222-2222-222222222222' },
      { is: 'image', path: '\\EFI\\BOOT\\grubx64.efi' },
      { is: 'image', path: undefined },
      { is: 'image', path: undefined },
    ]);
  });

  it('names the partition of an MBR by disk signature and number', () => {
    expect(contentOf(hardDrive('78563412', 1))).toEqual({ is: 'image', path: 'a', partition: '12345678-03' });
    expect(contentOf(hardDrive('78563412', 0))).toEqual({ is: 'image', path: 'a' });
  });

  it('takes a path that is cut off as far as it goes', () => {
    const whole = hardDrive('78563412', 1);
    for (let length = 0; length < whole.length; length++)
      expect(contentOf(whole.subarray(0, length))).toMatchObject({ is: 'image' });
    expect(devicePathFile(whole)).toEqual({ path: 'a', partition: '12345678-03', isWhole: true });
    const cut = { path: undefined, partition: '12345678-03', isWhole: false };
    expect(devicePathFile(whole.subarray(0, 48))).toEqual(cut);
  });
});

it('a GUID is the same bytes again', () => {
  const guid = '8be4df61-93ca-11d2-aa0d-00e098032b8c';
  expect(toHex(guidBytes(guid))).toBe('61dfe48bca93d211aa0d00e098032b8c');
  expect(guidText(guidBytes(guid))).toBe(guid);
  for (const other of ['', guid.slice(1), guid.toUpperCase(), `${guid}0`])
    expect(() => guidBytes(other)).toThrow('GUID');
});

/** A hard drive node with partition 3, a file path node and the end. */
function hardDrive(signature: string, signatureType: number): Uint8Array {
  const signed = concat(fromHex(signature)!, new Uint8Array(12), Uint8Array.of(1, signatureType));
  const node = concat(Uint8Array.of(4, 1, 42, 0, 3, 0, 0, 0), new Uint8Array(16), signed);
  return concat(node, Uint8Array.of(4, 4, 8, 0), utf8('a\0\0\0'), Uint8Array.of(0x7f, 0xff, 4, 0));
}

function contentOf(devicePath: Uint8Array) {
  const data = concat(new Uint8Array(24), Uint8Array.of(devicePath.length, 0, 0, 0, 0, 0, 0, 0), devicePath);
  const [image] = boot('uki-plain').events.filter((event) => event.type === EV.EV_EFI_BOOT_SERVICES_APPLICATION);
  return readEvent(nodeCrypto, { ...image!, data }, image!.digests.get('sha256')!, 'sha256').content;
}
