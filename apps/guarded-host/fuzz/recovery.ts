import { readRecoveryAnswer } from '../src/guest-disk/index.ts';
import { readBootPolicy } from '../src/guest-disk/index.ts';

export default function fuzz(bytes: Uint8Array): void {
  readRecoveryAnswer(bytes);
  readBootPolicy(bytes);
}
