import type { Crypto, Secret } from '@sekimori/crypto-core';
import { type Fault, ok, type Result } from '@sekimori/result';
import { Tpm } from '@sekimori/tpm2';
import { startSwtpm, type Swtpm } from '@sekimori/tpm2-device/swtpm';
import { existingState, startFault, type VirtualTpmFault } from './state.ts';

/**
 * Starts a virtual TPM for our own use, without a VM, and ends it in order (TPM2_Shutdown): what its owner does with it at
 * home. Rejects where the connection to it breaks.
 */
export async function withVirtualTpm<T, F extends Fault>(
  options: { readonly crypto: Crypto; readonly stateDir: string; readonly stateKey: Secret },
  work: (tpm: Tpm) => Promise<Result<T, F>>,
): Promise<Result<T, F | VirtualTpmFault>> {
  const { crypto, stateDir, stateKey } = options;
  const there = await existingState(stateDir);
  if (!there.ok) return there;
  const started = await start(stateDir, stateKey);
  if (!started.ok) return started;
  const swtpm = started.value;
  try {
    const tpm = new Tpm(await swtpm.open(), crypto);
    const outcome = await work(tpm);
    await tpm.close();
    return outcome;
  } finally {
    await swtpm.stop();
  }
}

async function start(stateDir: string, stateKey: Secret): Promise<Result<Swtpm, VirtualTpmFault>> {
  try {
    return ok(await startSwtpm({ stateDir, stateKey }));
  } catch (error) {
    return startFault(error);
  }
}
