import { fromUtf8, toBase64, utf8 } from '@sekimori/bytes';
import { agreementKeyOf, signingKeyOf } from '@sekimori/crypto-core';
import { expectOk } from '@sekimori/result';
import { describe, expect, it } from 'vitest';
import {
  createGuardian,
  exportGuardian,
  GuardianKeys,
  issueGuardian,
  newKeyProtector,
  parseGuardianMetadata,
} from '../src/index.ts';
import { communications } from './communications.ts';
import { AT, branch, bytesOf, crypto, fabric, open, owner } from './parties.ts';
import { at, type Tree, treeOf, written } from './tree.ts';

describe('guardian metadata', () => {
  it('carries a guardian into a protector', async () => {
    const document = await exportGuardian(crypto, fabric);
    const { guardian, communicationsCertificate, otherSigningCertificates } = expectOk(
      parseGuardianMetadata(crypto, document),
    );
    expect(guardian.fingerprint).toBe(fabric.guardian.fingerprint);
    expect(guardian.name).toBe('Fabric');
    expect(communicationsCertificate.der).toEqual(fabric.guardian.signingCertificate.der);
    expect(otherSigningCertificates).toEqual([]);
    const made = expectOk(await newKeyProtector(crypto, { owner, guardians: [guardian], at: AT }));
    expect(bytesOf(expectOk(await open(made.protector, fabric)).transportKey)).toEqual(bytesOf(made.transportKey));
  });

  it.each(['ec', 'rsa'] as const)('is signed by a communications key (%s) where there is one', async (type) => {
    const { signer } = await communications(type);
    const others = [branch.guardian.signingCertificate];
    const document = await exportGuardian(crypto, fabric, { communications: signer, otherSigningCertificates: others });
    const metadata = expectOk(parseGuardianMetadata(crypto, document));
    expect(metadata.guardian.equals(fabric.guardian)).toBe(true);
    expect(metadata.communicationsCertificate.der).toEqual(signer.certificate.der);
    expect(metadata.otherSigningCertificates.map((other) => other.der)).toEqual(others.map((other) => other.der));
  });

  it('is read after a byte-order mark', async () => {
    const document = await exportGuardian(crypto, fabric);
    expect(parseGuardianMetadata(crypto, Uint8Array.of(...utf8('\ufeff'), ...document)).ok).toBe(true);
  });

  const INFORMATION = 'GuardianInformation';
  const flip = (tree: Tree) => {
    const text = tree.children[0] as string;
    tree.children = [(text.startsWith('A') ? 'B' : 'A') + text.slice(1)];
  };
  const SIGNED = 'Signature/SignedInfo';
  it.each<[string, string, (tree: Tree) => void]>([
    ['another root', 'metadata-malformed', (t) => (t.name = 'Protector')],
    ['another version', 'metadata-malformed', (t) => (t.attributes['Version'] = '2')],
    ['no version', 'metadata-malformed', (t) => delete t.attributes['Version']],
    ['an unknown attribute', 'metadata-malformed', (t) => (t.attributes['Role'] = 'owner')],
    [
      'an unknown element',
      'metadata-malformed',
      (t) => t.children.push({ ...at(t, `${INFORMATION}/Version`), name: 'Extra' }),
    ],
    ['no signature', 'metadata-malformed', (t) => t.children.pop()],
    ['two signatures', 'metadata-malformed', (t) => t.children.push(structuredClone(at(t, 'Signature')))],
    [
      'the signing certificate first',
      'metadata-malformed',
      (t) => at(t, INFORMATION).children.splice(1, 0, at(t, INFORMATION).children.splice(2, 1)[0]!),
    ],
    ['another version inside', 'metadata-malformed', (t) => (at(t, `${INFORMATION}/Version`).children = ['2'])],
    [
      'another certificate signature algorithm',
      'metadata-malformed',
      (t) => (at(t, `${INFORMATION}/EncryptionCertificateSignature`).attributes['Algorithm'] = 'urn:none'),
    ],
    [
      'another canonicalization',
      'metadata-malformed',
      (t) =>
        (at(t, `${SIGNED}/CanonicalizationMethod`).attributes['Algorithm'] =
          'http://www.w3.org/TR/2001/REC-xml-c14n-20010315'),
    ],
    [
      'a MAC as signature',
      'metadata-malformed',
      (t) =>
        (at(t, `${SIGNED}/SignatureMethod`).attributes['Algorithm'] =
          'http://www.w3.org/2001/04/xmldsig-more#hmac-sha256'),
    ],
    ['a reference to a part', 'metadata-malformed', (t) => (at(t, `${SIGNED}/Reference`).attributes['URI'] = '#x')],
    ['two references', 'metadata-malformed', (t) => at(t, SIGNED).children.push(at(t, `${SIGNED}/Reference`))],
    ['no reference', 'metadata-malformed', (t) => at(t, SIGNED).children.pop()],
    ['no transform', 'metadata-malformed', (t) => (at(t, `${SIGNED}/Reference/Transforms`).children = [])],
    [
      'another transform',
      'metadata-malformed',
      (t) =>
        (at(t, `${SIGNED}/Reference/Transforms/Transform`).attributes['Algorithm'] =
          'http://www.w3.org/TR/1999/REC-xslt-19991116'),
    ],
    [
      'SHA-1',
      'metadata-malformed',
      (t) =>
        (at(t, `${SIGNED}/Reference/DigestMethod`).attributes['Algorithm'] = 'http://www.w3.org/2000/09/xmldsig#sha1'),
    ],
    [
      'inclusive prefixes',
      'metadata-malformed',
      (t) =>
        at(t, `${SIGNED}/CanonicalizationMethod`).children.push({
          name: 'InclusiveNamespaces',
          namespace: 'http://www.w3.org/2001/10/xml-exc-c14n#',
          attributes: { PrefixList: 'x' },
          children: [],
        }),
    ],
    [
      'an object in the signature',
      'metadata-malformed',
      (t) =>
        at(t, 'Signature').children.push({
          name: 'Object',
          namespace: at(t, 'Signature').namespace,
          attributes: {},
          children: [],
        }),
    ],
    ['no certificate in KeyInfo', 'metadata-malformed', (t) => (at(t, 'Signature/KeyInfo').children = [])],
    [
      'a KeyInfo that is no certificate',
      'document-signature',
      (t) => (at(t, 'Signature/KeyInfo/X509Data/X509Certificate').children = ['AAAA']),
    ],
    [
      'a KeyInfo of another',
      'document-signature',
      (t) =>
        (at(t, 'Signature/KeyInfo/X509Data/X509Certificate').children = [
          toBase64(branch.guardian.signingCertificate.der),
        ]),
    ],
    [
      'a KeyInfo that is not for signing',
      'document-signature',
      (t) =>
        (at(t, 'Signature/KeyInfo/X509Data/X509Certificate').children = at(
          t,
          `${INFORMATION}/EncryptionCertificate`,
        ).children),
    ],
    ['a changed signature', 'document-signature', (t) => flip(at(t, 'Signature/SignatureValue'))],
    ['a changed digest', 'document-signature', (t) => flip(at(t, `${SIGNED}/Reference/DigestValue`))],
    [
      'another encryption certificate',
      'document-signature',
      (t) =>
        (at(t, `${INFORMATION}/EncryptionCertificate`).children = [
          toBase64(branch.guardian.encryptionCertificate.der),
        ]),
    ],
    ['an id put on the document', 'document-signature', (t) => (t.attributes['ID'] = 'x')],
    ['white space put in', 'document-signature', (t) => t.children.unshift('\n')],
  ])('is refused with %s', async (_, code, edit) => {
    const tree = treeOf(await exportGuardian(crypto, fabric));
    expect(parseGuardianMetadata(crypto, written(tree)).ok).toBe(true);
    edit(tree);
    expect(parseGuardianMetadata(crypto, written(tree))).toMatchObject({ ok: false, fault: { code } });
  });

  it('is refused where the whole is signed well, and the certificates do not belong together', async () => {
    const { signer } = await communications('ec');
    const { guardian, signing } = fabric;
    const mixed = async (changes: object, by = signing) => {
      const { signingCertificate, encryptionCertificate, encryptionCertificateSignature } = guardian;
      const parts = { signingCertificate, encryptionCertificate, encryptionCertificateSignature, ...changes };
      const keys = { guardian: parts, signing: by } as unknown as GuardianKeys;
      return parseGuardianMetadata(crypto, await exportGuardian(crypto, keys, { communications: signer }));
    };
    expect((await mixed({})).ok).toBe(true);
    const foreign = { encryptionCertificate: branch.guardian.encryptionCertificate };
    expect(await mixed(foreign)).toMatchObject({ fault: { code: 'guardian-signature' } });
    const swapped = { encryptionCertificate: guardian.signingCertificate };
    expect(await mixed(swapped)).toMatchObject({ fault: { code: 'guardian-certificate' } });
    expect(await mixed({}, branch.signing)).toMatchObject({ fault: { code: 'guardian-signature' } });
  });

  it('gives a value or a fault for every truncation and for changed bytes', async () => {
    const document = await exportGuardian(crypto, fabric);
    for (let length = 0; length < document.length; length += 7)
      expect(parseGuardianMetadata(crypto, document.subarray(0, length)).ok).toBe(false);
    for (let index = 0; index < document.length; index += 5) {
      const outcome = parseGuardianMetadata(crypto, document.with(index, document[index]! ^ 1));
      if (outcome.ok) expect(outcome.value.guardian.fingerprint).toBe(fabric.guardian.fingerprint);
    }
  });

  it('names no private key', async () => {
    expect(fromUtf8(await exportGuardian(crypto, fabric))).not.toContain('Private');
  });
});

describe('guardians', () => {
  it('are made over keys that exist', async () => {
    const signing = signingKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-256' }));
    const agreement = agreementKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-256' }));
    const keys = await issueGuardian(crypto, { name: 'HSM', signing, agreement, at: AT });
    expect(keys.guardian.name).toBe('HSM');
    await expect(issueGuardian(crypto, { name: '', signing, agreement, at: AT })).rejects.toThrow(RangeError);
    const same = { name: 'One key', signing, agreement: { ...agreement, publicKey: signing.publicKey } };
    await expect(issueGuardian(crypto, { ...same, at: AT } as never)).rejects.toThrow('one key');
  });

  it('come back from their stored private keys', async () => {
    const { keys, privateKeys } = await createGuardian(crypto, 'Stored', AT);
    const [signing, encryption] = [privateKeys.signing, privateKeys.encryption].map((key) =>
      expectOk(crypto.privateKey(key.export())),
    );
    const { guardian } = expectOk(parseGuardianMetadata(crypto, await exportGuardian(crypto, keys)));
    expect(GuardianKeys.of(guardian, signingKeyOf(signing!), agreementKeyOf(encryption!)).ok).toBe(true);
    expect(GuardianKeys.of(guardian, signingKeyOf(encryption!), agreementKeyOf(signing!))).toMatchObject({
      fault: { code: 'guardian-keys' },
    });
    expect(GuardianKeys.of(guardian, signingKeyOf(signing!, 'ecdsa-sha384'), agreementKeyOf(encryption!)).ok).toBe(
      false,
    );
  });

  it('are refused on another curve', async () => {
    const signing = signingKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-384' }));
    const agreement = agreementKeyOf(await crypto.generateKey({ type: 'ec', curve: 'P-256' }));
    await expect(issueGuardian(crypto, { name: 'P-384', signing, agreement, at: AT })).rejects.toThrow('P-256');
  });
});
