import { toBase64 } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import { ALGORITHM, parseProtector } from '../src/index.ts';
import { aProtector, fabric, open, owner, stranger } from './parties.ts';
import { at, type Tree, treeOf, written } from './tree.ts';

const WRAPPING = 'Wrappings/Wrapping';

describe('refusals before anything is decrypted', () => {
  const change = async (edit: (tree: Tree) => void) => {
    const tree = treeOf((await aProtector()).protector);
    edit(tree);
    return open(written(tree), fabric, owner);
  };
  const flip = (tree: Tree) => {
    const text = tree.children[0] as string;
    tree.children = [(text.startsWith('A') ? 'B' : 'A') + text.slice(1)];
  };

  it('the tree as it was written again opens', async () => {
    expect((await change(() => {})).ok).toBe(true);
  });

  it.each<[string, string, (tree: Tree) => void]>([
    ['another root', 'protector-malformed', (t) => (t.name = 'Metadata')],
    [
      'another namespace',
      'protector-malformed',
      (t) => (t.namespace = 'http://schemas.microsoft.com/kps/2014/07/service'),
    ],
    ['an unknown attribute', 'protector-malformed', (t) => (t.attributes['Version'] = '1')],
    [
      'an unknown element',
      'protector-malformed',
      (t) => t.children.push({ ...at(t, 'GuardianSignature'), name: 'Extra' }),
    ],
    [
      'an unknown element in a wrapping',
      'protector-malformed',
      (t) => at(t, WRAPPING).children.push({ ...at(t, `${WRAPPING}/Id`), name: 'Name' }),
    ],
    ['two guardian signatures', 'protector-malformed', (t) => t.children.push(at(t, 'GuardianSignature'))],
    ['no guardian signature', 'protector-malformed', (t) => t.children.pop()],
    ['elements out of order', 'protector-malformed', (t) => (t.children = t.children.toReversed())],
    ['no wrapping', 'protector-malformed', (t) => (at(t, 'Wrappings').children = [])],
    [
      '65 wrappings',
      'protector-malformed',
      (t) => (at(t, 'Wrappings').children = Array.from({ length: 65 }, () => at(t, WRAPPING))),
    ],
    ['text between elements', 'protector-malformed', (t) => at(t, 'Wrappings').children.push('x')],
    [
      'an element in a certificate',
      'protector-malformed',
      (t) => at(t, `${WRAPPING}/SigningCertificate`).children.push(at(t, `${WRAPPING}/Id`)),
    ],
    [
      'a certificate that is not base64',
      'protector-malformed',
      (t) => (at(t, `${WRAPPING}/SigningCertificate`).children = ['*']),
    ],
    ['an empty certificate', 'protector-malformed', (t) => (at(t, `${WRAPPING}/SigningCertificate`).children = [])],
    [
      'an oversized certificate',
      'protector-malformed',
      (t) => (at(t, `${WRAPPING}/SigningCertificate`).children = ['A'.repeat(40_000)]),
    ],
    ['an id with a sign', 'protector-malformed', (t) => (at(t, `${WRAPPING}/Id`).children = ['+1'])],
    ['an id with a leading zero', 'protector-malformed', (t) => (at(t, `${WRAPPING}/Id`).children = ['01'])],
    ['an id of 33 bits', 'protector-malformed', (t) => (at(t, `${WRAPPING}/Id`).children = ['4294967296'])],
    ['a bad MaxOfflineUnwraps', 'protector-malformed', (t) => (t.attributes['MaxOfflineUnwraps'] = '-1')],
    ['no parent', 'protector-malformed', (t) => (at(t, `${WRAPPING}/SigningCertificateSignature`).attributes = {})],
    ['no algorithm', 'protector-malformed', (t) => (at(t, 'GuardianSignature/Signature').attributes = {})],
    [
      'an empty algorithm',
      'protector-malformed',
      (t) => (at(t, 'GuardianSignature/Signature').attributes = { Algorithm: '' }),
    ],

    ['two wrappings with one id', 'protector-wrapping', (t) => (at(t, `${WRAPPING}.2/Id`).children = ['2'])],
    [
      'no owner',
      'protector-wrapping',
      (t) => (at(t, `${WRAPPING}/SigningCertificateSignature`).attributes['ParentWrappingId'] = '2'),
    ],
    [
      'two owners',
      'protector-wrapping',
      (t) => (at(t, `${WRAPPING}.1/SigningCertificateSignature`).attributes['ParentWrappingId'] = '2'),
    ],
    [
      'a parent that is not there',
      'protector-wrapping',
      (t) => (at(t, `${WRAPPING}.1/SigningCertificateSignature`).attributes['ParentWrappingId'] = '9'),
    ],
    [
      'a chain of guardians',
      'protector-wrapping',
      (t) => (at(t, `${WRAPPING}.1/SigningCertificateSignature`).attributes['ParentWrappingId'] = '3'),
    ],
    [
      'a circle beside the owner',
      'protector-wrapping',
      (t) => {
        at(t, `${WRAPPING}.1/SigningCertificateSignature`).attributes['ParentWrappingId'] = '3';
        at(t, `${WRAPPING}.2/SigningCertificateSignature`).attributes['ParentWrappingId'] = '2';
      },
    ],
    [
      'a guardian signature by nobody',
      'protector-wrapping',
      (t) => (at(t, 'GuardianSignature').attributes['WrappingId'] = '9'),
    ],
    [
      'a certificate that is none',
      'protector-wrapping',
      (t) => (at(t, `${WRAPPING}.1/SigningCertificate`).children = ['AAAA']),
    ],
    [
      'the encryption certificate as signing certificate',
      'protector-wrapping',
      (t) =>
        (at(t, `${WRAPPING}.1/SigningCertificate`).children = at(t, `${WRAPPING}.1/EncryptionCertificate`).children),
    ],
    [
      'the signing certificate as encryption certificate',
      'protector-wrapping',
      (t) =>
        (at(t, `${WRAPPING}.1/EncryptionCertificate`).children = at(t, `${WRAPPING}.1/SigningCertificate`).children),
    ],
    [
      'a guardian with two wrappings',
      'protector-wrapping',
      (t) => {
        at(t, 'Wrappings').children.push(structuredClone(at(t, `${WRAPPING}.1`)));
        at(t, `${WRAPPING}.3/Id`).children = ['4'];
      },
    ],

    [
      'another signature algorithm',
      'protector-algorithm',
      (t) => (at(t, 'GuardianSignature/Signature').attributes['Algorithm'] = ALGORITHM.rsaPssSha256),
    ],
    [
      'another wrapping signature algorithm',
      'protector-algorithm',
      (t) => (at(t, `${WRAPPING}/SigningCertificateSignature/Signature`).attributes['Algorithm'] = 'urn:none'),
    ],
    [
      'another encryption signature algorithm',
      'protector-algorithm',
      (t) => (at(t, `${WRAPPING}.2/EncryptionCertificateSignature/Signature`).attributes['Algorithm'] = 'urn:none'),
    ],
    [
      'another MAC',
      'protector-algorithm',
      (t) =>
        (at(t, 'TransportKeySignature/Signature').attributes['Algorithm'] =
          'http://www.w3.org/2000/09/xmldsig#hmac-sha1'),
    ],
    [
      'another key derivation',
      'protector-algorithm',
      (t) =>
        (at(t, 'TransportKeySignature/KeyDerivationMethod').attributes['Algorithm'] =
          'http://www.w3.org/2009/xmlenc11#ConcatKDF'),
    ],
    [
      'another encryption',
      'protector-algorithm',
      (t) =>
        (at(t, `${WRAPPING}.1/TransportKey/EncryptedData`).attributes['Algorithm'] =
          'http://www.w3.org/2009/xmlenc11#aes256-gcm'),
    ],
    [
      'an unknown parameter',
      'protector-algorithm',
      (t) =>
        at(t, `${WRAPPING}.1/TransportKey/EncryptedData/Parameters`).children.push({
          name: 'Extra',
          namespace: 'urn:x',
          attributes: {},
          children: [],
        }),
    ],
    ['no parameters', 'protector-algorithm', (t) => at(t, `${WRAPPING}.1/TransportKey/EncryptedData`).children.shift()],
    [
      'a short point',
      'protector-algorithm',
      (t) => (at(t, `${WRAPPING}.1/TransportKey/EncryptedData/Parameters/EphemeralKey`).children = ['AAAA']),
    ],
    [
      'a short nonce',
      'protector-algorithm',
      (t) => (at(t, `${WRAPPING}.1/TransportKey/EncryptedData/Parameters/Nonce`).children = ['AAAA']),
    ],
    [
      'a short salt',
      'protector-algorithm',
      (t) => (at(t, 'TransportKeySignature/KeyDerivationMethod/Parameters/Salt').children = ['AAAA']),
    ],
    [
      'parameters of a signature',
      'protector-algorithm',
      (t) =>
        at(t, 'GuardianSignature/Signature').children.unshift({
          name: 'Parameters',
          namespace: t.namespace,
          attributes: {},
          children: [],
        }),
    ],

    [
      'a changed signing certificate signature',
      'protector-wrapping-signature',
      (t) => flip(at(t, `${WRAPPING}.1/SigningCertificateSignature/Signature/SignatureValue`)),
    ],
    [
      'a changed self-signature of the owner',
      'protector-wrapping-signature',
      (t) => flip(at(t, `${WRAPPING}/SigningCertificateSignature/Signature/SignatureValue`)),
    ],
    [
      'a changed encryption certificate signature',
      'protector-wrapping-signature',
      (t) => flip(at(t, `${WRAPPING}.1/EncryptionCertificateSignature/Signature/SignatureValue`)),
    ],
    [
      "another guardian's encryption certificate",
      'protector-wrapping-signature',
      (t) =>
        (at(t, `${WRAPPING}.1/EncryptionCertificate`).children = at(t, `${WRAPPING}.2/EncryptionCertificate`).children),
    ],

    [
      'a changed guardian signature',
      'protector-guardian-signature',
      (t) => flip(at(t, 'GuardianSignature/Signature/SignatureValue')),
    ],
    [
      'a guardian signature in the name of another',
      'protector-guardian-signature',
      (t) => (at(t, 'GuardianSignature').attributes['WrappingId'] = '2'),
    ],
    ['a wrapping taken out', 'protector-guardian-signature', (t) => at(t, 'Wrappings').children.pop()],
    [
      'wrappings in another order',
      'protector-guardian-signature',
      (t) => (at(t, 'Wrappings').children = at(t, 'Wrappings').children.toReversed()),
    ],
    ['other ids', 'protector-guardian-signature', (t) => (at(t, `${WRAPPING}.2/Id`).children = ['7'])],
    [
      'a changed cipher value',
      'protector-guardian-signature',
      (t) => flip(at(t, `${WRAPPING}.1/TransportKey/EncryptedData/CipherValue`)),
    ],
    ['white space between wrappings', 'protector-guardian-signature', (t) => at(t, 'Wrappings').children.push('\n')],
  ])('%s', async (_, code, edit) => expect(await change(edit)).toMatchObject({ ok: false, fault: { code } }));

  it('a stranger who puts a wrapping in and signs for all', async () => {
    const tree = treeOf((await aProtector()).protector);
    const foreign = at(treeOf((await aProtector([stranger])).protector), `${WRAPPING}.1`);
    at(foreign, 'Id').children = ['4'];
    at(tree, 'Wrappings').children.push(foreign);
    // the wrapping itself is sound: this owner has vouched for the stranger elsewhere; only the signatures over all stop it
    at(tree, 'GuardianSignature').attributes['WrappingId'] = '4';
    const octets = expectOk(parseProtector(written(tree))).signedOctets;
    at(tree, 'GuardianSignature/Signature/SignatureValue').children = [toBase64(await stranger.signing.sign(octets))];
    expect(await open(written(tree), stranger)).toMatchObject({ fault: { code: 'protector-not-opened' } });
    expect(await open(written(tree), fabric)).toMatchObject({ fault: { code: 'protector-not-opened' } });
  });

  it('a guardian whom another owner vouches for', async () => {
    const tree = treeOf((await aProtector()).protector);
    at(tree, 'Wrappings').children[1] = at(treeOf((await aProtector([fabric], stranger)).protector), `${WRAPPING}.1`);
    expect(await open(written(tree), fabric)).toMatchObject({ fault: { code: 'protector-wrapping-signature' } });
  });
});
