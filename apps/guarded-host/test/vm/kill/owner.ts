import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { openGuestState, wipeGuestState } from '@sekimori/guest-state';
import { OpenedProtector } from '@sekimori/key-protector';
import { expectOk } from '@sekimori/result';
import { knownVm } from '../../../src/vm/unlock.ts';
import { owner } from '../support/vm-host.ts';

/** What the owner of a VM finds in the newest generation of its folder. Throws where it does not open. */
export async function newestState(
  folder: string,
): Promise<{ readonly generation: bigint; readonly nvramBoots: bigint }> {
  const vm = expectOk(await knownVm(crypto, folder));
  const { pair } = vm;
  const { transportKey } = expectOk(await OpenedProtector.open(crypto, pair.verified, [owner]));
  const { generation } = pair;
  const state = expectOk(openGuestState(crypto, transportKey, { vmId: vm.vmId, generation }, pair.guestState));
  const nvramBoots = bootsInNvram(state.nvram);
  transportKey.wipe();
  wipeGuestState(state);
  return { generation, nvramBoots };
}

/** The guest's variable: its name in UTF-16, then its value. Older values are in the store too, marked as deleted. */
const NAME = Buffer.from('SekimoriBoots\0', 'utf16le');

function bootsInNvram(nvram: Uint8Array): bigint {
  const store = Buffer.from(nvram.buffer, nvram.byteOffset, nvram.byteLength);
  let most = 0n;
  for (let at = store.indexOf(NAME); at >= 0; at = store.indexOf(NAME, at + 1)) {
    const boots = store.readBigUInt64LE(at + NAME.length);
    if (boots > most) most = boots;
  }
  return most;
}
