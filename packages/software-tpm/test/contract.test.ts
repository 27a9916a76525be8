import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { tpmContract } from '@sekimori/tpm2/contract';
import { createSoftwareTpm, createVendorCa } from '../src/index.ts';

tpmContract('software-tpm', async () => {
  const vendorCa = await createVendorCa(crypto, new Date());
  const { transport, reset } = createSoftwareTpm({ crypto, vendorCa });
  return { transport, reset: async () => reset(), close: () => transport.close() };
});
