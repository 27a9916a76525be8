import { equal } from '@sekimori/bytes';
import { encode } from '@sekimori/codec';
import { ok } from '@sekimori/result';
import {
  kdfa,
  pcrDigestOf,
  type ResponseOf,
  TPM_GENERATED_VALUE,
  TPM_RH,
  type TpmsAttest,
  TPMS_ATTEST,
} from '@sekimori/tpm2';
import { handler } from '../handler.ts';
import { FIRMWARE_VERSION, type Machine, MAX_NV_BUFFER } from '../machine.ts';
import { readable } from '../nv.ts';
import type { TpmObject } from '../objects.ts';
import { inParameter, RC, refuse } from '../response-codes.ts';
import { signData, type Signing, signingOf } from '../signing.ts';
import { creationTicket } from '../tickets.ts';

/** Part 3, 18 and 31.16. */
export const attestation = {
  Quote: handler<'Quote'>()({
    handles: ['object'],
    run: async (machine, [{ object: signer }], { qualifyingData, inScheme, PCRselect }) => {
      const signing = signingOf(signer, inScheme, 1, 2);
      if (!signing.ok) return signing;
      const { selection, values } = machine.pcrs.select(PCRselect);
      const pcrDigest = pcrDigestOf(machine.crypto, signing.value.hash, values);
      const attested = { is: 'quote', value: { pcrSelect: selection, pcrDigest } } as const;
      return ok({ response: await attest(machine, signer, signing.value, qualifyingData, attested) });
    },
  }),
  Certify: handler<'Certify'>()({
    handles: ['object', 'object'],
    roles: ['admin', 'user'],
    run: async (machine, [{ object }, { object: signer }], { qualifyingData, inScheme }) => {
      const signing = signingOf(signer, inScheme, 2, 2);
      if (!signing.ok) return signing;
      const attested = { is: 'certify', value: { name: object.name, qualifiedName: object.qualifiedName } } as const;
      return ok({ response: await attest(machine, signer, signing.value, qualifyingData, attested) });
    },
  }),
  CertifyCreation: handler<'CertifyCreation'>()({
    handles: ['object', 'object'],
    run: async (machine, [{ object: signer }, { object }], request) => {
      const { qualifyingData, creationHash, inScheme } = request;
      const signing = signingOf(signer, inScheme, 1, 3);
      if (!signing.ok) return signing;
      const ticket = creationTicket(machine, request.creationTicket.hierarchy, object.name, creationHash);
      if (ticket.digest.length === 0 || !equal(ticket.digest, request.creationTicket.digest))
        return inParameter(4, RC.ticket);
      const attested = { is: 'creation', value: { objectName: object.name, creationHash } } as const;
      return ok({ response: await attest(machine, signer, signing.value, qualifyingData, attested) });
    },
  }),
  GetTime: handler<'GetTime'>()({
    handles: ['endorsement', 'object'],
    run: async (machine, [, { object: signer }], { qualifyingData, inScheme }) => {
      const signing = signingOf(signer, inScheme, 2, 2);
      if (!signing.ok) return signing;
      // the privacy administrator allows it: nothing is obfuscated in here
      const attested = {
        is: 'time',
        value: { time: timeInfoOf(machine), firmwareVersion: FIRMWARE_VERSION },
      } as const;
      return ok({ response: await attest(machine, signer, signing.value, qualifyingData, attested) });
    },
  }),
  NV_Certify: handler<'NV_Certify'>()({
    handles: ['object', 'nvAuth', 'nv'],
    run: async (machine, [{ object: signer }, authority, { index }], request) => {
      const { qualifyingData, inScheme, size, offset } = request;
      const allowed = readable(authority, index);
      if (!allowed.ok) return allowed;
      const signing = signingOf(signer, inScheme, 1, 2);
      if (!signing.ok) return signing;
      if (size > MAX_NV_BUFFER) return inParameter(3, RC.value);
      if (offset + size > index.data.length) return refuse(RC.nvRange);
      const nvContents = index.data.slice(offset, offset + size);
      const attested = isWhole(size, offset)
        ? ({
            is: 'nvDigest',
            value: { indexName: index.name, nvDigest: machine.crypto.hash(signing.value.hash, index.data) },
          } as const)
        : ({ is: 'nv', value: { indexName: index.name, offset, nvContents } } as const);
      return ok({ response: await attest(machine, signer, signing.value, qualifyingData, attested) });
    },
  }),
};

/** No size and no offset ask for a digest of all. Part 3, 31.16.1. */
function isWhole(size: number, offset: number): boolean {
  return size === 0 && offset === 0;
}

/** TPMS_TIME_INFO. Part 2, 10.11.6. */
export function timeInfoOf(machine: Machine) {
  const { time, clock } = machine.time;
  const { resetCount, restartCount, clockIsSafe: safe } = machine;
  return { time: BigInt(time), clockInfo: { clock, resetCount, restartCount, safe } };
}

async function attest(
  machine: Machine,
  signer: TpmObject,
  signing: Signing,
  extraData: Uint8Array,
  attested: TpmsAttest['attested'],
): Promise<ResponseOf<'Quote'>> {
  const mask = obfuscationOf(machine, signer);
  const { clockInfo } = timeInfoOf(machine);
  const bytes = encode(TPMS_ATTEST, {
    magic: TPM_GENERATED_VALUE,
    type: attested.is,
    qualifiedSigner: signer.qualifiedName,
    extraData,
    clockInfo: {
      ...clockInfo,
      resetCount: (clockInfo.resetCount + mask.resetCount) >>> 0,
      restartCount: (clockInfo.restartCount + mask.restartCount) >>> 0,
    },
    firmwareVersion: BigInt.asUintN(64, FIRMWARE_VERSION + mask.firmwareVersion),
    attested,
  });
  return { attest: bytes, signature: await signData(machine, signing, bytes) };
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
