import { concat, equal, toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expectOk } from '@sekimori/result';
import { expect, it } from 'vitest';
import { extendPcr, getRandom, readNv, readPcrs, readPublic, startup, tpmProperties } from '../operations.ts';
import { type Bench, DIGEST, PCR, PCR_SELECTION } from './bench.ts';

/** Start, random bytes, PCRs, and whom a refusal blames. */
export function basicsContract({ tpm, under }: Bench, options: { readonly resourceManager?: true }): void {
  it('is started, and says so when it is started again', async () => {
    expect(await startup(tpm)).toMatchObject({ ok: true });
    expect(await tpm.run('Startup', { parameters: { startupType: 'clear' } })).toMatchObject({
      fault: { code: 'tpm-error', response: { name: 'TPM_RC_INITIALIZE' } },
    });
  });

  it('tells its family and its number of PCRs', async () => {
    const properties = expectOk(await tpmProperties(tpm, 0x100, 0x20));
    expect(properties.get(0x100)).toBe(0x322e3000);
    expect(properties.get(0x112)).toBeGreaterThanOrEqual(24);
  });

  it('gives random bytes, more than a digest of them too', async () => {
    const [one, two] = [expectOk(await getRandom(tpm, 100)), expectOk(await getRandom(tpm, 100))];
    expect([one.length, two.length]).toEqual([100, 100]);
    expect(equal(one, two)).toBe(false);
  });

  it('extends a PCR and reads it', async () => {
    const before = expectOk(await readPcrs(tpm, PCR_SELECTION)).get(PCR)!;
    expectOk(await extendPcr(tpm, PCR, 'sha256', DIGEST));
    const after = expectOk(await readPcrs(tpm, PCR_SELECTION)).get(PCR)!;
    expect(toHex(after)).toBe(toHex(crypto.hash('sha256', concat(before, DIGEST))));
  });

  it('reads all PCRs of a bank, eight at a time', async () => {
    const indices = Array.from({ length: 24 }, (_, index) => index);
    expect(expectOk(await readPcrs(tpm, { bank: 'sha256', indices })).size).toBe(24);
  });

  it('says which bank it has not', async () => {
    expect(await readPcrs(tpm, { bank: 'sha512', indices: [0] })).toMatchObject({
      fault: { code: 'pcr-unavailable' },
    });
  });

  it.skipIf(options.resourceManager)('names what it blames', async () => {
    expect(await readPublic(tpm, 0x80fffffe)).toMatchObject({
      fault: { code: 'tpm-error', command: 'ReadPublic', response: { about: { part: 'handle', number: 1 } } },
    });
    expect(await readNv(tpm, 0x01beef00)).toMatchObject({
      fault: { response: { name: 'TPM_RC_HANDLE', about: { part: 'handle', number: 1 } } },
    });
    const unknown = await under().transport.transmit(Uint8Array.of(0x80, 1, 0, 0, 0, 10, 0, 0, 0x0f, 0xff));
    expect(toHex(unknown)).toBe('80010000000a00000143');
  });
}
