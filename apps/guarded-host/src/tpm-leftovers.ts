import type { Tpm } from '@sekimori/tpm2';

/** TPM_HT_TRANSIENT and TPM_HT_LOADED_SESSION, first handle of each. TPM 2.0 Library Part 2, 7.2. */
const KINDS = [0x80000000, 0x02000000] as const;
/** More than any TPM holds of a kind. */
const MOST = 64;

/**
 * Frees what a program left in a TPM that ended in the middle of its work. For a TPM without resource manager, which has one user
 * at a time and room for three objects; a resource manager does this by itself.
 */
export async function flushLeftovers(tpm: Tpm): Promise<void> {
  for (const property of KINDS) {
    const held = await tpm.run('GetCapability', {
      parameters: { capability: 'handles', property, propertyCount: MOST },
    });
    const handles =
      held.ok && 'handles' in held.value.parameters.capabilityData ? held.value.parameters.capabilityData.handles : [];
    for (const handle of handles) await tpm.flush(handle);
  }
}
