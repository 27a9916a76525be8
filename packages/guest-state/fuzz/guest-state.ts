import { Secret } from '@sekimori/crypto-core';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { openGuestState, readGuestStateBinding } from '../src/index.ts';

export default function fuzz(bytes: Uint8Array): void {
  const binding = readGuestStateBinding(bytes);
  if (binding.ok) openGuestState(nodeCrypto, new Secret(new Uint8Array(32)), binding.value, bytes);
}
