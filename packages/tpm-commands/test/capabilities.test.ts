import { encode, type Infer } from '@sekimori/codec';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { COMMANDS, decodeCommand, encodeResponse, Tpm } from '@sekimori/tpm2';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { nvIndexHandles, propertiesOf } from '../src/info/capabilities.ts';

type Answer = Infer<typeof COMMANDS.GetCapability.response>;

/** A TPM that lists what `page` gives from a property on. */
function listing(page: (property: number) => Answer) {
  let asked = 0;
  const transmit = async (bytes: Uint8Array) => {
    if (++asked > 10_000) throw new Error('asked without end');
    const { parameters } = expectOk(decodeCommand(bytes));
    const property = new DataView(parameters.buffer, parameters.byteOffset).getUint32(4);
    const answer = encode(COMMANDS.GetCapability.response, page(property));
    return encodeResponse('GetCapability', { responseCode: 0, authorizations: [], parameters: answer });
  };
  return { tpm: new Tpm({ transmit, close: async () => {} }, crypto), asked: () => asked };
}

describe('a list of capabilities', () => {
  it('that does not end is refused', async () => {
    const { tpm } = listing((property) => ({
      moreData: true,
      capabilityData: { capability: 'tpmProperties', properties: [{ property, value: 0 }] },
    }));
    expect(await propertiesOf(tpm, 0x100)).toMatchObject({ fault: { code: 'tpm-malformed-response' } });
    const endless = listing((property) => ({
      moreData: true,
      capabilityData: { capability: 'handles', handles: [property] },
    }));
    expect(await nvIndexHandles(endless.tpm)).toMatchObject({ fault: { code: 'tpm-malformed-response' } });
  });
  it('is whole, however small its pages', async () => {
    const last = 0x0100_0000 + 1000;
    const { tpm, asked } = listing((property) => ({
      moreData: property < last,
      capabilityData: { capability: 'handles', handles: [property] },
    }));
    expect(expectOk(await nvIndexHandles(tpm))).toHaveLength(1001);
    expect(asked()).toBe(1001);
  });
});
