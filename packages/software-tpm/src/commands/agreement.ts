import { ok } from '@sekimori/result';
import { sharedPoint } from '../curves.ts';
import { handler } from '../handler.ts';
import { inHandle, inParameter, RC } from '../response-codes.ts';

export const agreement = {
  /** Part 3, 14.5. */
  ECDH_ZGen: handler<'ECDH_ZGen'>()({
    handles: ['object'],
    run: async ({ crypto }, [{ object }], { inPoint }) => {
      const { objectAttributes, parameters } = object.area.value;
      if (parameters.is !== 'ecc' || object.key?.type !== 'ecc') return inHandle(1, RC.key);
      if (objectAttributes.restricted || !objectAttributes.decrypt) return inHandle(1, RC.attributes);
      const { scheme } = parameters.value.scheme;
      if (scheme !== 'null' && scheme !== 'ecdh') return inHandle(1, RC.scheme);
      const peer = crypto.publicKey({ type: 'ec', curve: object.key.ecKey.curve, ...inPoint });
      if (!peer.ok || peer.value.type !== 'ec') return inParameter(1, RC.eccPoint);
      return ok({ response: { outPoint: await sharedPoint(crypto, object.key.ecKey, peer.value) } });
    },
  }),
};
