import { concat } from '@sekimori/bytes';
import { describe, expect, it } from 'vitest';
import fuzzMetadata from '../fuzz/metadata.ts';
import fuzzProtector from '../fuzz/protector.ts';
import fuzzXml from '../fuzz/xml.ts';
import { exportGuardian } from '../src/index.ts';
import { namespaceBombs } from './namespace-bombs.ts';
import { aProtector, crypto, fabric } from './parties.ts';

describe('the fuzz targets', () => {
  it.each([
    ['xml', fuzzXml],
    ['protector', fuzzProtector],
    ['metadata', fuzzMetadata],
  ] as const)('%s: holds for our documents, cut and spliced', async (_, target) => {
    const documents = [(await aProtector()).protector, await exportGuardian(crypto, fabric), ...namespaceBombs()];
    for (const bytes of documents) {
      expect(() => target(bytes)).not.toThrow();
      for (let at = 1; at < bytes.length; at += Math.max(97, bytes.length >> 6)) {
        expect(() => target(concat(bytes.subarray(0, at), bytes.subarray(at + (at % 13))))).not.toThrow();
        expect(() => target(bytes.with(at, bytes[at]! ^ 0x20))).not.toThrow();
      }
    }
  });
});
