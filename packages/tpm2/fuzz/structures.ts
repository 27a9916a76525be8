import { CODECS, comesBack } from '../test/codecs.ts';
import { samplesOf } from '../test/samples.ts';

/** Every structure the package exports: what reads is written, and read again, as it was. */
export const targets: Readonly<Record<string, (bytes: Uint8Array) => string>> = Object.fromEntries(
  [...CODECS].map(([name, codec]) => [name, (bytes) => comesBack(name, codec, bytes)]),
);

export const seeds = (name = ''): readonly Uint8Array[] => samplesOf(name);
