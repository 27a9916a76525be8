import { encode } from '@sekimori/codec';
import type { SignatureAlgorithm } from '@sekimori/crypto-core';
import { ok } from '@sekimori/result';
import {
  kdfa,
  pcrDigestOf,
  type ResponseOf,
  type SigningScheme,
  TPM_GENERATED_VALUE,
  TPM_RH,
  type TpmsAttest,
  TPMS_ATTEST,
  TPMT_SIGNATURE,
  type TpmtSignature,
} from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { FIRMWARE_VERSION, type Machine } from '../machine.ts';
import type { AsymmetricKey, TpmObject } from '../objects.ts';
import { type Answer, inHandle, inParameter, RC } from '../response-codes.ts';

/** Part 3, 18. */
export const attestation = {
  Quote: handler<'Quote'>()({
    handles: ['object'],
    run: async (machine, [{ object: signer }], { qualifyingData, inScheme, PCRselect }) => {
      const signing = signingOf(signer, inScheme, 1);
      if (!signing.ok) return signing;
      const { selection, values } = machine.pcrs.select(PCRselect);
      const pcrDigest = pcrDigestOf(machine.crypto, signing.value.scheme.hashAlg, values);
      const attested = { is: 'quote', value: { pcrSelect: selection, pcrDigest } } as const;
      return ok({ response: await sign(machine, signer, signing.value, qualifyingData, attested) });
    },
  }),
  Certify: handler<'Certify'>()({
    handles: ['object', 'object'],
    roles: ['admin', 'user'],
    run: async (machine, [{ object }, { object: signer }], { qualifyingData, inScheme }) => {
      const signing = signingOf(signer, inScheme, 2);
      if (!signing.ok) return signing;
      const attested = { is: 'certify', value: { name: object.name, qualifiedName: object.qualifiedName } } as const;
      return ok({ response: await sign(machine, signer, signing.value, qualifyingData, attested) });
    },
  }),
};

interface Signing {
  readonly scheme: SigningScheme;
  readonly key: AsymmetricKey;
}

type SchemeOf = { readonly scheme: string; readonly hashAlg?: SigningScheme['hashAlg'] };

/** Part 3, 18.1: a key with a scheme signs with that one alone. */
function signingOf(signer: TpmObject, asked: SchemeOf, handle: number): Answer<Signing> {
  const { objectAttributes, parameters } = signer.area.value;
  const { key } = signer;
  const isAsymmetric = parameters.is === 'rsa' || parameters.is === 'ecc';
  if (!objectAttributes.sign || !key || key.type === 'keyedhash' || !isAsymmetric) return inHandle(handle, RC.key);
  const own: SchemeOf = parameters.value.scheme;
  const scheme = own.scheme === 'null' ? asked : own;
  const isOther = asked.scheme !== 'null' && (asked.scheme !== scheme.scheme || asked.hashAlg !== scheme.hashAlg);
  const { hashAlg } = scheme;
  const name = scheme.scheme;
  const fits = parameters.is === 'ecc' ? name === 'ecdsa' : name === 'rsassa' || name === 'rsapss';
  if (isOther || !fits || hashAlg === undefined) return inParameter(2, RC.scheme);
  return ok({ scheme: { scheme: name as SigningScheme['scheme'], hashAlg }, key });
}

async function sign(
  machine: Machine,
  signer: TpmObject,
  { scheme, key }: Signing,
  extraData: Uint8Array,
  attested: TpmsAttest['attested'],
): Promise<ResponseOf<'Quote'>> {
  const mask = obfuscationOf(machine, signer);
  const attest = encode(TPMS_ATTEST, {
    magic: TPM_GENERATED_VALUE,
    type: attested.is,
    qualifiedSigner: signer.qualifiedName,
    extraData,
    clockInfo: {
      clock: machine.time.clock,
      resetCount: (machine.resetCount + mask.resetCount) >>> 0,
      restartCount: (machine.restartCount + mask.restartCount) >>> 0,
      safe: machine.clockIsSafe,
    },
    firmwareVersion: BigInt.asUintN(64, FIRMWARE_VERSION + mask.firmwareVersion),
    attested,
  });
  const algorithm: SignatureAlgorithm = `${scheme.scheme}-${scheme.hashAlg}`;
  const privateKey = key.type === 'rsa' ? key.privateKey : key.ecKey.privateKey;
  const bytes = await privateKey.sign(algorithm, attest);
  const signature = signatureOf(scheme, bytes);
  return { attest, signature: { value: signature, bytes: encode(TPMT_SIGNATURE, signature) } };
}

function signatureOf({ scheme, hashAlg: hash }: SigningScheme, bytes: Uint8Array): TpmtSignature {
  if (scheme !== 'ecdsa') return { sigAlg: scheme, hash, sig: bytes };
  const half = bytes.length / 2;
  return { sigAlg: scheme, hash, signatureR: bytes.subarray(0, half), signatureS: bytes.subarray(half) };
}

/** Part 1, 36.7: a key outside the endorsement and platform hierarchies does not show how often the TPM was reset. */
function obfuscationOf(machine: Machine, signer: TpmObject) {
  if (signer.hierarchy === TPM_RH.endorsement || signer.hierarchy === TPM_RH.platform)
    return { firmwareVersion: 0n, resetCount: 0, restartCount: 0 };
  const { proof } = machine.hierarchy('owner');
  const none = new Uint8Array(0);
  return kdfa(machine.crypto, 'sha256', proof, 'OBFUSCATE', signer.qualifiedName, none, 128).use((bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return { firmwareVersion: view.getBigUint64(0), resetCount: view.getUint32(8), restartCount: view.getUint32(12) };
  });
}
