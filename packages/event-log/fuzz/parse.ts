import { nodeCrypto } from '@sekimori/crypto-core/node';
import { explain, parseEventLog, renderExplained } from '../src/index.ts';

/** Whatever the bytes: a value or a fault, and a log that parses can be explained. */
export default function fuzz(bytes: Uint8Array): void {
  const log = parseEventLog(bytes);
  if (log.ok) renderExplained(explain(nodeCrypto, log.value));
}
