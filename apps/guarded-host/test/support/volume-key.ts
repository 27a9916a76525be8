import { fromHex } from '@sekimori/bytes';
import { Secret } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { cryptsetup, keyFile } from '../../src/guest-disk/cryptsetup.ts';

/** What cryptsetup reads with a key of a keyslot: after 'MK dump:' pairs of hex digits to the end. */
export async function volumeKeyOf(file: string, key: Secret): Promise<Secret> {
  const dumped = await cryptsetup(['luksDump', '--dump-volume-key', '--key-file', keyFile(0), file], { keys: [key] });
  const [, digits = ''] = Buffer.from(expectOk(dumped)).toString('latin1').split('MK dump:');
  const bytes = fromHex(digits.replace(/\s/g, ''));
  if (!bytes) throw new Error(`cryptsetup says ${digits} instead of a key`);
  return new Secret(bytes);
}
