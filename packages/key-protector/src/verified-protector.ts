import type { Crypto } from '@sekimori/crypto-core';
import { type Fault, type Result, fail, ok } from '@sekimori/result';
import type { Protector, Signature, Wrapping } from './document.ts';
import type { Guardian } from './guardian.ts';
import { GuardianCache } from './guardian-cache.ts';
import { type HkdfUse, SEKIMORI_1, type WrappedKey } from './sekimori-1.ts';
import { XmlStop } from './xml/element.ts';

/**
 * `protector-algorithm`: an algorithm or a parameter outside the profile. `protector-wrapping`: ids, owner, parents or
 * certificates break the rules. `protector-wrapping-signature`: a certificate signature does not hold.
 * `protector-guardian-signature`: the signature over all wrappings does not.
 */
export type ProtectorFault = Fault<
  'protector-algorithm' | 'protector-wrapping' | 'protector-wrapping-signature' | 'protector-guardian-signature'
>;

export interface VerifiedWrapping {
  readonly id: number;
  readonly guardian: Guardian;
  readonly signingCertificateSignature: Uint8Array;
  readonly wrappedKey: WrappedKey;
}

/**
 * A protector whose structure and signatures hold: one owner, guardians directly below it, every certificate vouched for, the
 * whole signed by one of them. Whether the transport key authenticates it too is known once it is opened. It does not say
 * that this owner is the one anybody expects: that is for whoever compares `owner.guardian.fingerprint`.
 */
export class VerifiedProtector {
  readonly owner: VerifiedWrapping;
  /** All wrappings in document order, the owner's among them. */
  readonly wrappings: readonly VerifiedWrapping[];
  /** Who made the guardian signature: the owner at first, the guardian who rolled it last after that. */
  readonly signer: VerifiedWrapping;
  /** Not authenticated: to show, never to decide by. */
  readonly maxOfflineUnwraps: number;
  readonly signedOctets: Uint8Array;
  readonly keyDerivation: HkdfUse;
  readonly transportKeySignature: Uint8Array;

  private constructor(
    protector: Protector,
    wrappings: readonly VerifiedWrapping[],
    parties: { readonly owner: VerifiedWrapping; readonly signer: VerifiedWrapping },
    keyDerivation: HkdfUse,
  ) {
    this.owner = parties.owner;
    this.signer = parties.signer;
    this.wrappings = wrappings;
    this.maxOfflineUnwraps = protector.maxOfflineUnwraps;
    this.signedOctets = protector.signedOctets;
    this.keyDerivation = keyDerivation;
    this.transportKeySignature = protector.transportKeySignature.value;
  }

  /**
   * All that can be checked without a private key. MS-KPS section 3.1.5.1.1.3, steps 3 and 4. A service hands in one cache for
   * all its calls.
   */
  static verify(
    crypto: Crypto,
    protector: Protector,
    cache: GuardianCache = new GuardianCache(),
  ): Result<VerifiedProtector, ProtectorFault> {
    const structure = checkStructure(protector);
    if (!structure.ok) return structure;
    const algorithms = readAlgorithms(protector);
    if (!algorithms.ok) return algorithms;
    const wrappings: VerifiedWrapping[] = [];
    for (const [index, wrapping] of protector.wrappings.entries()) {
      const guardian = verifyGuardian(crypto, wrapping, cache);
      if (!guardian.ok) return guardian;
      if (wrappings.some((other) => other.guardian.equals(guardian.value)))
        return fail('protector-wrapping', 'a guardian has two wrappings', { at: placeOf(wrapping) });
      wrappings.push({
        id: wrapping.id,
        guardian: guardian.value,
        signingCertificateSignature: wrapping.signingCertificateSignature.value,
        wrappedKey: algorithms.value.wrappedKeys[index] as WrappedKey,
      });
    }
    const owner = wrappings[structure.value.ownerIndex] as VerifiedWrapping;
    for (const wrapping of wrappings) {
      const { guardian, signingCertificateSignature: signature } = wrapping;
      const check = () => holds(crypto, owner.guardian, guardian.signingCertificate.der, signature);
      if (!cache.vouched(crypto, owner.guardian, guardian, signature, check))
        return fail('protector-wrapping-signature', 'the signing certificate is not signed by the owner', {
          at: placeOf(wrapping),
        });
    }
    const signer = wrappings[structure.value.signerIndex] as VerifiedWrapping;
    if (!holds(crypto, signer.guardian, protector.signedOctets, protector.guardianSignature.value))
      return fail('protector-guardian-signature', `the signature by wrapping ${signer.id} does not hold`);
    return ok(new VerifiedProtector(protector, wrappings, { owner, signer }, algorithms.value.keyDerivation));
  }

  /** The wrapping whose two certificates are this guardian's. */
  wrappingOf(guardian: Guardian): VerifiedWrapping | undefined {
    return this.wrappings.find((wrapping) => wrapping.guardian.equals(guardian));
  }
}

/** Ids once each; one owner, which is its own parent; everybody else directly below it, so that no chain and no circle is. */
function checkStructure(
  protector: Protector,
): Result<{ readonly ownerIndex: number; readonly signerIndex: number }, Fault<'protector-wrapping'>> {
  const { wrappings } = protector;
  if (new Set(wrappings.map((wrapping) => wrapping.id)).size !== wrappings.length)
    return fail('protector-wrapping', 'two wrappings have one id');
  const owners = wrappings.filter((wrapping) => wrapping.parentId === wrapping.id);
  const [owner] = owners;
  if (!owner || owners.length > 1) return fail('protector-wrapping', `${owners.length} owners, must be one`);
  const stray = wrappings.find((wrapping) => wrapping.parentId !== owner.id);
  if (stray) return fail('protector-wrapping', 'its parent is not the owner', { at: placeOf(stray) });
  const signerIndex = wrappings.findIndex((wrapping) => wrapping.id === protector.guardianWrappingId);
  if (signerIndex < 0) return fail('protector-wrapping', 'the guardian signature names no wrapping');
  return ok({ ownerIndex: wrappings.indexOf(owner), signerIndex });
}

function readAlgorithms(
  protector: Protector,
): Result<
  { readonly keyDerivation: HkdfUse; readonly wrappedKeys: readonly WrappedKey[] },
  Fault<'protector-algorithm'>
> {
  try {
    const { uri } = SEKIMORI_1.signature;
    for (const wrapping of protector.wrappings) {
      checkSignatureUse(wrapping.signingCertificateSignature, uri);
      checkSignatureUse(wrapping.encryptionCertificateSignature, uri);
    }
    checkSignatureUse(protector.guardianSignature, uri);
    checkSignatureUse(protector.transportKeySignature, SEKIMORI_1.mac.uri);
    return ok({
      keyDerivation: SEKIMORI_1.readKeyDerivation(protector.keyDerivation),
      wrappedKeys: protector.wrappings.map((wrapping) => SEKIMORI_1.readWrapped(wrapping.transportKey)),
    });
  } catch (stop) {
    if (!(stop instanceof XmlStop)) throw stop;
    return fail('protector-algorithm', stop.detail, { at: stop.place });
  }
}

function checkSignatureUse(signature: Signature, uri: string): void {
  if (signature.algorithm !== uri || signature.parameters)
    throw new XmlStop(`not in profile ${SEKIMORI_1.name}`, signature.algorithm);
}

function verifyGuardian(
  crypto: Crypto,
  wrapping: Wrapping,
  cache: GuardianCache,
): Result<Guardian, Fault<'protector-wrapping' | 'protector-wrapping-signature'>> {
  const guardian = cache.guardian(crypto, {
    signingCertificate: wrapping.signingCertificate,
    encryptionCertificate: wrapping.encryptionCertificate,
    encryptionCertificateSignature: wrapping.encryptionCertificateSignature.value,
  });
  if (guardian.ok) return guardian;
  const more = { at: placeOf(wrapping), cause: guardian.fault };
  return guardian.fault.code === 'guardian-signature'
    ? fail('protector-wrapping-signature', 'the encryption certificate is not signed by its guardian', more)
    : fail('protector-wrapping', 'its certificates are not those of a guardian', more);
}

function holds(crypto: Crypto, signer: Guardian, octets: Uint8Array, signature: Uint8Array): boolean {
  return crypto.verify(signer.signingKey, SEKIMORI_1.signature.algorithm, octets, signature);
}

function placeOf(wrapping: { readonly id: number }): string {
  return `Wrapping ${wrapping.id}`;
}
