import { ok } from '@sekimori/result';
import { handler } from '../handler.ts';
import { isExtendable, isResettable } from '../pcrs.ts';
import { RC, refuse } from '../response-codes.ts';

/** TPML_DIGEST holds so many: callers ask again for the rest. */
const MAX_VALUES = 8;

export const pcr = {
  PCR_Read: handler<'PCR_Read'>()({
    run: ({ pcrs }, _handles, { pcrSelectionIn }) => {
      const { selection, values } = pcrs.select(pcrSelectionIn);
      let room = MAX_VALUES;
      const pcrSelectionOut = selection.map(({ bank, indices }) => {
        const taken = indices.slice(0, room);
        room -= taken.length;
        return { bank, indices: taken };
      });
      const pcrValues = values.slice(0, MAX_VALUES);
      return ok({ response: { pcrUpdateCounter: pcrs.updateCounter, pcrSelectionOut, pcrValues } });
    },
  }),
  PCR_Extend: handler<'PCR_Extend'>()({
    handles: ['pcrOrNull'],
    run: ({ pcrs }, [{ kind, handle }], { digests }) => {
      if (kind === 'hierarchy') return ok({ response: {} });
      if (!isExtendable(handle)) return refuse(RC.locality);
      for (const { hashAlg, digest } of digests) pcrs.extend(handle, hashAlg, digest);
      return ok({ response: {} });
    },
  }),
  /** Part 3, 22.4: hashed for each bank. Without a PCR the digests alone are wanted. */
  PCR_Event: handler<'PCR_Event'>()({
    handles: ['pcrOrNull'],
    run: ({ crypto, pcrs }, [{ kind, handle }], { eventData }) => {
      if (kind === 'pcr' && !isExtendable(handle)) return refuse(RC.locality);
      const digests = pcrs.banks.map((hashAlg) => ({ hashAlg, digest: crypto.hash(hashAlg, eventData) }));
      if (kind === 'pcr') for (const { hashAlg, digest } of digests) pcrs.extend(handle, hashAlg, digest);
      return ok({ response: { digests } });
    },
  }),
  PCR_Reset: handler<'PCR_Reset'>()({
    handles: ['pcr'],
    run: ({ pcrs }, [{ handle }]) => {
      if (!isResettable(handle)) return refuse(RC.locality);
      pcrs.clear(handle);
      return ok({ response: {} });
    },
  }),
};
