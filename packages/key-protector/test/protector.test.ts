import { equal, fromUtf8, toHex, u32be, utf8 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  GuardianKeys,
  newKeyProtector,
  OpenedProtector,
  parseProtector,
  protectorFileBytes,
  rollProtector,
  VerifiedProtector,
} from '../src/index.ts';
import { AT, aProtector, branch, bytesOf, crypto, fabric, open, owner, party, stranger } from './parties.ts';
import { treeOf, written } from './tree.ts';

describe('a new protector', () => {
  it('opens for its owner and for each guardian, and gives all the same key', async () => {
    const made = await aProtector();
    for (const keys of [owner, fabric, branch]) {
      const opened = expectOk(await open(made.protector, keys));
      expect(bytesOf(opened.transportKey)).toEqual(bytesOf(made.transportKey));
      expect(opened.protector.owner.guardian.fingerprint).toBe(owner.guardian.fingerprint);
      expect(opened.protector.signer.id).toBe(opened.protector.owner.id);
    }
    expect(made.transportKey).toHaveLength(32);
    expect(equal(bytesOf(made.transportKey), bytesOf((await aProtector()).transportKey))).toBe(false);
  });

  it('needs no guardian', async () => {
    const made = await aProtector([]);
    expect(bytesOf(expectOk(await open(made.protector, owner)).transportKey)).toEqual(bytesOf(made.transportKey));
  });

  it('is one line of UTF-8 with MaxOfflineUnwraps 0, and canonical as it is written', async () => {
    const { protector } = await aProtector();
    const text = fromUtf8(protector)!;
    expect(text.startsWith('<?xml version="1.0" encoding="utf-8"?><Protector xmlns=')).toBe(true);
    expect(text).toContain(' MaxOfflineUnwraps="0">');
    expect(text).not.toContain('\n');
    const parsed = expectOk(parseProtector(protector));
    expect(text).toContain(
      fromUtf8(parsed.signedOctets)!.replace(' xmlns="http://schemas.microsoft.com/kps/2014/07"', ''),
    );
  });

  it.each([
    ['twice the same guardian', 'guardian-duplicate', [fabric, fabric], AT],
    ['the owner as guardian', 'guardian-duplicate', [owner], AT],
    ['more guardians than a protector holds', 'guardian-count', Array.from({ length: 64 }, () => fabric), AT],
    ['certificates that ended', 'guardian-expired', [fabric], new Date('2041-02-03T04:05:07Z')],
    ['certificates that have not begun', 'guardian-expired', [fabric], new Date('2031-02-03T04:05:05Z')],
  ] as const)('is not made with %s', async (_, code, guardians, time) => {
    const outcome = await newKeyProtector(crypto, {
      owner,
      guardians: guardians.map((keys: GuardianKeys) => keys.guardian),
      at: time,
    });
    expect(outcome).toMatchObject({ ok: false, fault: { code } });
  });
});

describe('rolling', () => {
  it('gives a new key to the same parties, with nobody else taking part', async () => {
    const made = await aProtector();
    const opened = expectOk(await open(made.protector, fabric));
    const rolled = await rollProtector(crypto, opened);
    expect(equal(bytesOf(rolled.transportKey), bytesOf(made.transportKey))).toBe(false);
    expect(rolled.transportKey).toHaveLength(made.transportKey.length);
    for (const keys of [owner, fabric, branch]) {
      const again = expectOk(await open(rolled.protector, keys));
      expect(bytesOf(again.transportKey)).toEqual(bytesOf(rolled.transportKey));
      expect(again.protector.owner.guardian.equals(owner.guardian)).toBe(true);
      expect(again.protector.signer.guardian.equals(fabric.guardian)).toBe(true);
    }
    const before = expectOk(parseProtector(made.protector)).wrappings;
    const after = expectOk(parseProtector(rolled.protector)).wrappings;
    const kept = (wrapping: (typeof before)[number]) => ({ ...wrapping, transportKey: undefined });
    expect(after.map(kept)).toEqual(before.map(kept));
    for (const [index, wrapping] of after.entries())
      expect(equal(wrapping.transportKey.cipherValue, before[index]!.transportKey.cipherValue)).toBe(false);
  });

  it('goes on for many generations, in any hands', async () => {
    let current = await aProtector();
    for (const keys of [fabric, branch, owner, fabric, fabric])
      current = await rollProtector(crypto, expectOk(await open(current.protector, keys)));
    expect(bytesOf(expectOk(await open(current.protector, owner)).transportKey)).toEqual(bytesOf(current.transportKey));
  });

  it('leaves the old protector as good as it was', async () => {
    const made = await aProtector();
    const opened = expectOk(await open(made.protector, fabric));
    await Promise.all([rollProtector(crypto, opened), rollProtector(crypto, opened)]);
    expect(bytesOf(expectOk(await open(made.protector, branch)).transportKey)).toEqual(bytesOf(made.transportKey));
  });

  it('writes MaxOfflineUnwraps 0, whatever the old one said', async () => {
    const tree = treeOf((await aProtector()).protector);
    tree.attributes['MaxOfflineUnwraps'] = '4294967295';
    const opened = expectOk(await open(written(tree), fabric));
    expect(opened.protector.maxOfflineUnwraps).toBe(4294967295);
    const rolled = await rollProtector(crypto, opened);
    expect(expectOk(parseProtector(rolled.protector)).maxOfflineUnwraps).toBe(0);
  });
});

describe('opening', () => {
  it('looks through all pairs of keys that are offered', async () => {
    const { protector } = await aProtector();
    expect(expectOk(await open(protector, stranger, branch)).keys).toBe(branch);
    expect(await open(protector, stranger)).toMatchObject({ fault: { code: 'protector-not-mine' } });
    expect(await open(protector)).toMatchObject({ fault: { code: 'protector-not-mine' } });
  });

  it('tells nothing but that it does not open, whatever is wrong inside', async () => {
    const verified = expectOk(
      VerifiedProtector.verify(crypto, expectOk(parseProtector((await aProtector()).protector))),
    );
    const own = verified.wrappingOf(fabric.guardian)!;
    const other = expectOk(VerifiedProtector.verify(crypto, expectOk(parseProtector((await aProtector()).protector))));
    const { wrappedKey } = own;
    const mac = verified.transportKeySignature;
    const cases = {
      point: {
        wrappedKey: { ...wrappedKey, ephemeralKey: wrappedKey.ephemeralKey.with(40, wrappedKey.ephemeralKey[40]! ^ 1) },
      },
      infinity: { wrappedKey: { ...wrappedKey, ephemeralKey: new Uint8Array(65) } },
      nonce: { wrappedKey: { ...wrappedKey, nonce: new Uint8Array(12) } },
      tag: { wrappedKey: { ...wrappedKey, sealed: wrappedKey.sealed.with(0, wrappedKey.sealed[0]! ^ 1) } },
      short: { wrappedKey: { ...wrappedKey, sealed: wrappedKey.sealed.subarray(0, 15) } },
      'wrapping id': { id: own.id + 7 },
      'key of another protector': { wrappedKey: other.wrappingOf(fabric.guardian)!.wrappedKey },
      mac: { mac: mac.with(0, mac[0]! ^ 1) },
      'short mac': { mac: mac.subarray(1) },
      'no mac': { mac: new Uint8Array(0) },
      'mac of another protector': { mac: other.transportKeySignature },
      salt: { salt: new Uint8Array(32) },
    };
    const faults = new Set<string>();
    for (const change of Object.values(cases) as Record<string, unknown>[]) {
      const wrapping = { ...own, ...change };
      const changed = Object.create(verified, {
        wrappingOf: { value: () => wrapping },
        transportKeySignature: { value: change['mac'] ?? mac },
        keyDerivation: { value: change['salt'] ? { salt: change['salt'] } : verified.keyDerivation },
      }) as VerifiedProtector;
      const outcome = await OpenedProtector.open(crypto, changed, [fabric]);
      expect(outcome.ok).toBe(false);
      if (!outcome.ok) faults.add(JSON.stringify(outcome.fault));
    }
    expect([...faults]).toEqual([
      JSON.stringify({ code: 'protector-not-opened', detail: 'the protector does not open' }),
    ]);
  });

  it('rejects when the key store is out of reach', async () => {
    const { protector } = await aProtector();
    const agree = () => Promise.reject(new Error('token removed'));
    const agreement = { publicKey: fabric.agreement.publicKey, agree };
    const broken = expectOk(GuardianKeys.of(fabric.guardian, fabric.signing, agreement));
    await expect(open(protector, broken)).rejects.toThrow('token removed');
  });
});

describe('the forms of a protector', () => {
  it('is read bare, after a byte-order mark, and behind its length', async () => {
    const { protector } = await aProtector();
    const framed = Uint8Array.of(...u32be(protector.length + 4), ...protector);
    const marked = Uint8Array.of(...utf8('\ufeff'), ...protector);
    for (const bytes of [protector, marked, framed, Uint8Array.of(...u32be(marked.length + 4), ...marked)])
      expect((await open(bytes, fabric)).ok).toBe(true);
    expect(parseProtector(Uint8Array.of(...u32be(protector.length + 5), ...protector)).ok).toBe(false);
    expect(parseProtector(Uint8Array.of(0, 0, 0, 4))).toMatchObject({
      fault: { code: 'protector-malformed', detail: 'it is empty' },
    });
  });

  it('is read with prefixes and white space, as long as that is what was signed', async () => {
    const made = await aProtector();
    const pretty = fromUtf8(made.protector)!
      .replace('<Protector xmlns="', '<Protector\n  xmlns="')
      .replace('</TransportKeySignature>', '</TransportKeySignature>\n  ');
    expect((await open(utf8(pretty), fabric)).ok).toBe(true);
  });

  it('is found in the text that PowerShell makes of bytes', () => {
    const bytes = Uint8Array.of(0, 0, 0, 7, 60, 97, 255);
    const lines = `${[...bytes].join('\r\n')}\r\n`;
    const utf16 = new Uint8Array(2 + 2 * lines.length);
    utf16.set([0xff, 0xfe]);
    for (let i = 0; i < lines.length; i++) utf16[2 + 2 * i] = lines.charCodeAt(i);
    expect(protectorFileBytes(utf16)).toEqual(bytes);
    expect(protectorFileBytes(utf8(lines))).toEqual(bytes);
    expect(protectorFileBytes(bytes)).toBe(bytes);
    for (const text of ['256', '1 2', '1\nx', '1,2', '0001', '1\n\u00e9'])
      expect(protectorFileBytes(utf8(text))).toBeUndefined();
    expect(protectorFileBytes(Uint8Array.of(0xff, 0xfe, 0x31))).toBeUndefined();
    expect(protectorFileBytes(Uint8Array.of(0xff, 0xfe))).toBeUndefined();
  });

  it('gives a value or a fault for every truncation', async () => {
    const { protector } = await aProtector([fabric]);
    for (let length = 0; length < protector.length; length++)
      expect(parseProtector(protector.subarray(0, length))).toMatchObject({ fault: { code: 'protector-malformed' } });
    expect(parseProtector(Uint8Array.of(...protector, 0x3c))).toMatchObject({ fault: { code: 'protector-malformed' } });
  });
});

it('a guardian is found by both certificates, not by the key alone', async () => {
  const { protector } = await aProtector();
  const renewed = await party('Fabric');
  expect(renewed.guardian.fingerprint).not.toBe(fabric.guardian.fingerprint);
  expect(await open(protector, renewed)).toMatchObject({ fault: { code: 'protector-not-mine' } });
  expect(toHex(fabric.guardian.digest)).toBe(fabric.guardian.fingerprint);
});
