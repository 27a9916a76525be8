import { utf8 } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { expect, it } from 'vitest';
import { COMMANDS, type RequestOf } from '../commands/table.ts';
import { TPM_RH } from '../structures/handles.ts';
import { NO_HASHCHECK, NO_SENSITIVE } from '../structures/objects.ts';
import type { PublicArea } from '../structures/public-area.ts';
import { PolicyDigest } from '../policy/digest.ts';
import { AK_ECC_P256, SRK_ECC_P256 } from '../keys/templates.ts';
import { altered, eccKey, eccParent, FIXED, MOVABLE, sealedData } from './areas.ts';
import { authorization, type Bench, DIGEST, NONE, PASSWORD } from './bench.ts';

const NO_CIPHER = { algorithm: 'null' } as const;
const AES = { algorithm: 'aes', keyBits: 128, mode: 'cfb' } as const;
const BY_COMMAND = PolicyDigest.start(crypto, 'sha256').commandCode(COMMANDS.Duplicate.code).digest;
const KEY = eccKey({ scheme: 'ecdsa', hashAlg: 'sha256' }, ...MOVABLE, 'sign');

/** Objects that go from one parent to another, and credentials that one key's holder alone can read. */
export function duplicationContract({ ask, done, flush, primary, startSession }: Bench): void {
  const create = (parent: number, inPublic: PublicArea, data: Uint8Array = NONE) =>
    done('Create', {
      handles: [parent],
      parameters: { inSensitive: { ...NO_SENSITIVE, data }, inPublic, outsideInfo: NONE, creationPCR: [] },
    });
  const load = (parent: number, inPrivate: Uint8Array, inPublic: PublicArea) =>
    done('Load', { handles: [parent], parameters: { inPrivate, inPublic } });
  /** Below the storage root key, and loaded. */
  async function child(inPublic: PublicArea, data?: Uint8Array) {
    const srk = await primary(SRK_ECC_P256);
    const made = (await create(srk.handle, inPublic, data)).parameters;
    const { handle, parameters } = await load(srk.handle, made.outPrivate, made.outPublic);
    await flush(srk.handle);
    return { handle, name: parameters.name, area: made.outPublic };
  }
  const otherParent = () => primary(eccParent(...FIXED), TPM_RH.endorsement);
  const duplicate = (
    object: number,
    parent: number,
    session: number,
    change: Partial<RequestOf<'Duplicate'>> = {},
  ) => ({
    handles: [object, parent],
    parameters: { encryptionKeyIn: NONE, symmetricAlg: NO_CIPHER, ...change },
    authorize: [authorization(session)],
  });
  const allow = async () => {
    const { handle } = await startSession('policy');
    await done('PolicyCommandCode', { handles: [handle], parameters: { code: COMMANDS.Duplicate.code } });
    return handle;
  };
  const inbound = (parent: number, change: Pick<RequestOf<'Import'>, 'objectPublic' | 'duplicate' | 'inSymSeed'>) => ({
    handles: [parent],
    parameters: { encryptionKey: NONE, symmetricAlg: NO_CIPHER, ...change },
  });

  it('moves a key below another parent, where it is the same key', async () => {
    const { handle, area } = await child(altered(KEY, { authPolicy: BY_COMMAND }));
    const parent = await otherParent();
    const session = await allow();
    const moved = (await done('Duplicate', duplicate(handle, parent.handle, session))).parameters;
    expect([moved.encryptionKeyOut.length, moved.outSymSeed.length > 0]).toEqual([0, true]);
    await flush(handle);
    const arrived = { objectPublic: area, duplicate: moved.duplicate, inSymSeed: moved.outSymSeed };
    const { outPrivate } = (await done('Import', inbound(parent.handle, arrived))).parameters;
    const key = await load(parent.handle, outPrivate, area);
    await flush(parent.handle);
    const digest = crypto.hash('sha256', utf8('message'));
    const sign = { digest, inScheme: { scheme: 'null' }, validation: NO_HASHCHECK } as const;
    const { signature } = (await done('Sign', { handles: [key.handle], parameters: sign })).parameters;
    const verify = { digest, signature: signature.value };
    await done('VerifySignature', { handles: [key.handle], parameters: verify });
  });

  it('refuses what was changed on the way, or is for another parent', async () => {
    const { handle, area } = await child(altered(KEY, { authPolicy: BY_COMMAND }));
    const parent = await otherParent();
    const moved = (await done('Duplicate', duplicate(handle, parent.handle, await allow()))).parameters;
    await flush(handle);
    const arrived = { objectPublic: area, duplicate: moved.duplicate, inSymSeed: moved.outSymSeed };
    const changed = moved.duplicate.map((byte, i) => (i === moved.duplicate.length - 1 ? byte ^ 1 : byte));
    const importing = (to: number, change: Partial<typeof arrived>) =>
      ask('Import', inbound(to, { ...arrived, ...change }));
    const refused = 'TPM_RC_INTEGRITY parameter 3';
    expect(await importing(parent.handle, { duplicate: changed })).toBe(refused);
    expect(await importing(parent.handle, { objectPublic: altered(area, { authPolicy: DIGEST }) })).toBe(refused);
    const fixed = { ...area.value.objectAttributes, fixedParent: true, fixedTPM: true };
    expect(await importing(parent.handle, { objectPublic: altered(area, { objectAttributes: fixed }) })).toBe(
      'TPM_RC_ATTRIBUTES parameter 2',
    );
    const srk = await primary(SRK_ECC_P256);
    expect(await importing(srk.handle, {})).toBe(refused);
    const ak = await primary(AK_ECC_P256);
    expect(await importing(ak.handle, {})).toBe('TPM_RC_TYPE handle 1');
  });

  it('moves sealed data in two wrappings, where they ask for both', async () => {
    const data = crypto.random(32);
    const area = sealedData('encryptedDuplication', 'userWithAuth', 'noDA');
    const sealed = await child(altered(area, { authPolicy: BY_COMMAND }), data);
    const parent = await otherParent();
    const bare = duplicate(sealed.handle, parent.handle, await allow());
    expect(await ask('Duplicate', bare)).toBe('TPM_RC_SYMMETRIC parameter 2');
    const both = duplicate(sealed.handle, parent.handle, bare.authorize[0]!.sessionHandle, { symmetricAlg: AES });
    const moved = (await done('Duplicate', both)).parameters;
    expect(moved.encryptionKeyOut.length).toBe(16);
    await flush(sealed.handle);
    const arrived = { objectPublic: sealed.area, duplicate: moved.duplicate, inSymSeed: moved.outSymSeed };
    const importing = (encryptionKey: Uint8Array) => {
      const call = inbound(parent.handle, arrived);
      return { ...call, parameters: { ...call.parameters, encryptionKey, symmetricAlg: AES } };
    };
    // what another key opens begins with a size by chance
    expect(await ask('Import', importing(DIGEST.subarray(0, 16)))).toMatch(/^TPM_RC_(SIZE|INTEGRITY) parameter 3$/);
    expect(await ask('Import', importing(DIGEST))).toBe('TPM_RC_SIZE parameter 1');
    const { outPrivate } = (await done('Import', importing(moved.encryptionKeyOut))).parameters;
    const item = await load(parent.handle, outPrivate, sealed.area);
    const opened = await done('Unseal', { handles: [item.handle], parameters: {} });
    expect(opened.parameters.outData).toEqual(data);
  });

  it('gives a key out in clear where its policy allows that, and to nobody else', async () => {
    const { handle, area } = await child(altered(KEY, { authPolicy: BY_COMMAND }));
    const moved = (await done('Duplicate', duplicate(handle, TPM_RH.null, await allow()))).parameters;
    expect(moved.outSymSeed.length).toBe(0);
    const bare = duplicate(handle, TPM_RH.null, 0);
    expect(await ask('Duplicate', { ...bare, authorize: [PASSWORD] })).toBe('TPM_RC_AUTH_TYPE');
    const { handle: unsatisfied } = await startSession('policy');
    expect(await ask('Duplicate', duplicate(handle, TPM_RH.null, unsatisfied))).toBe('TPM_RC_POLICY_FAIL session 1');
    await flush(handle);
    const srk = await primary(SRK_ECC_P256);
    const arrived = { objectPublic: area, duplicate: moved.duplicate, inSymSeed: NONE };
    await done('Import', inbound(srk.handle, arrived));
  });

  it('does not move a key that stays', async () => {
    const stays = eccKey({ scheme: 'ecdsa', hashAlg: 'sha256' }, ...FIXED, 'sign');
    const { handle } = await child(altered(stays, { authPolicy: BY_COMMAND }));
    expect(await ask('Duplicate', duplicate(handle, TPM_RH.null, await allow()))).toBe('TPM_RC_ATTRIBUTES handle 1');
  });

  it('moves a key to the parent that its policy names, and to no other', async () => {
    const parent = await otherParent();
    const newParentName = parent.parameters.name;
    const { handle: trial } = await startSession('trial');
    const select = (session: number, objectName: Uint8Array) => ({
      handles: [session],
      parameters: { objectName, newParentName, includeObject: false },
    });
    await done('PolicyDuplicationSelect', select(trial, NONE));
    const digest = (await done('PolicyGetDigest', { handles: [trial], parameters: {} })).parameters.policyDigest;
    await flush(trial);
    const { handle, name } = await child(altered(KEY, { authPolicy: digest }));
    const { handle: session } = await startSession('policy');
    await done('PolicyDuplicationSelect', select(session, name));
    expect(await ask('Duplicate', duplicate(handle, TPM_RH.null, session))).toBe('TPM_RC_POLICY_FAIL session 1');
    expect(await ask('PolicyDuplicationSelect', select(session, name))).toBe('TPM_RC_CPHASH');
    await done('Duplicate', duplicate(handle, parent.handle, session));
  });

  it('makes a credential that the key it is for can read', async () => {
    const [ak, parent] = [await primary(AK_ECC_P256, TPM_RH.endorsement), await otherParent()];
    const credential = crypto.random(32);
    const objectName = ak.parameters.name;
    const make = (keyHandle: number, secret: Uint8Array) => ({
      handles: [keyHandle],
      parameters: { credential: secret, objectName },
    });
    const made = (await done('MakeCredential', make(parent.handle, credential))).parameters;
    const activate = (activated: number) => ({ handles: [activated, parent.handle], parameters: made });
    expect((await done('ActivateCredential', activate(ak.handle))).parameters.certInfo).toEqual(credential);
    expect(await ask('ActivateCredential', activate(parent.handle))).toBe('TPM_RC_INTEGRITY parameter 1');
    expect(await ask('MakeCredential', make(ak.handle, credential))).toBe('TPM_RC_TYPE handle 1');
    expect(await ask('MakeCredential', make(parent.handle, new Uint8Array(33)))).toBe('TPM_RC_SIZE parameter 1');
  });
}
