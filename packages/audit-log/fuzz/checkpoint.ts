import { fromUtf8 } from '@sekimori/bytes';
import { formatCheckpoint, parseCheckpoint } from '../src/index.ts';

export default (bytes: Uint8Array): void => {
  const text = fromUtf8(bytes);
  if (text === undefined) return;
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.ok && formatCheckpoint(checkpoint.value) !== text) throw new Error('a checkpoint has two texts');
};
