import { fromUtf8 } from '@sekimori/bytes';
import { formatEntry, parseEntry } from '../src/index.ts';

export default (bytes: Uint8Array): void => {
  const text = fromUtf8(bytes);
  if (text === undefined) return;
  const entry = parseEntry(text);
  if (entry.ok && formatEntry(entry.value) !== text) throw new Error('an entry has two texts');
};
