import { emptyOr, raw, struct, u16, u32 } from '@sekimori/codec';
import {
  TPM2B_DATA,
  TPM2B_DIGEST,
  TPM2B_ECC_POINT,
  TPM2B_ENCRYPTED_SECRET,
  TPM2B_NAME,
  TPM2B_PRIVATE,
  TPM2B_PUBLIC_KEY_RSA,
  TPM2B_SENSITIVE_DATA,
} from '../structures/buffers.ts';
import {
  TPM2B_CREATION_DATA,
  TPM2B_ID_OBJECT,
  TPM2B_SENSITIVE_CREATE,
  TPMS_CONTEXT,
  TPMT_SENSITIVE,
  TPMT_TK_CREATION,
  TPMT_TK_HASHCHECK,
  TPMT_TK_VERIFIED,
} from '../structures/objects.ts';
import { TPML_PCR_SELECTION } from '../structures/pcr-selection.ts';
import { TPM2B_PUBLIC } from '../structures/public-area.ts';
import { TPMT_RSA_DECRYPT, TPMT_SIG_SCHEME, TPMT_SYM_DEF_OBJECT } from '../structures/schemes.ts';
import { TPMT_SIGNATURE } from '../structures/signature.ts';
import { command } from './layout.ts';

const CREATION = struct('creation')
  .field('inSensitive', TPM2B_SENSITIVE_CREATE)
  .field('inPublic', TPM2B_PUBLIC)
  .field('outsideInfo', TPM2B_DATA)
  .field('creationPCR', TPML_PCR_SELECTION);

/** Objects: made, loaded, moved, put aside; and what keys do. Part 3, 12 to 14, 20, 24, 28. */
export const OBJECTS = {
  CreatePrimary: command(0x131, {
    handles: ['primaryHandle'],
    authorized: 1,
    request: CREATION,
    returnsHandle: true,
    response: struct('CreatePrimary response')
      .field('outPublic', TPM2B_PUBLIC)
      .field('creationData', TPM2B_CREATION_DATA)
      .field('creationHash', TPM2B_DIGEST)
      .field('creationTicket', TPMT_TK_CREATION)
      .field('name', TPM2B_NAME),
  }),
  Create: command(0x153, {
    handles: ['parentHandle'],
    authorized: 1,
    request: CREATION,
    response: struct('Create response')
      .field('outPrivate', TPM2B_PRIVATE)
      .field('outPublic', TPM2B_PUBLIC)
      .field('creationData', TPM2B_CREATION_DATA)
      .field('creationHash', TPM2B_DIGEST)
      .field('creationTicket', TPMT_TK_CREATION),
  }),
  Load: command(0x157, {
    handles: ['parentHandle'],
    authorized: 1,
    request: struct('Load').field('inPrivate', TPM2B_PRIVATE).field('inPublic', TPM2B_PUBLIC),
    returnsHandle: true,
    response: struct('Load response').field('name', TPM2B_NAME),
  }),
  LoadExternal: command(0x167, {
    request: struct('LoadExternal')
      .field('inPrivate', emptyOr(u16, 512, TPMT_SENSITIVE))
      .field('inPublic', TPM2B_PUBLIC)
      .field('hierarchy', u32),
    returnsHandle: true,
    response: struct('LoadExternal response').field('name', TPM2B_NAME),
  }),
  ReadPublic: command(0x173, {
    handles: ['objectHandle'],
    response: struct('ReadPublic response')
      .field('outPublic', TPM2B_PUBLIC)
      .field('name', TPM2B_NAME)
      .field('qualifiedName', TPM2B_NAME),
  }),
  EvictControl: command(0x120, {
    handles: ['auth', 'objectHandle'],
    authorized: 1,
    request: struct('EvictControl').field('persistentHandle', u32),
  }),
  FlushContext: command(0x165, { request: struct('FlushContext').field('flushHandle', u32) }),
  ContextSave: command(0x162, {
    handles: ['saveHandle'],
    response: struct('ContextSave response').field('context', TPMS_CONTEXT),
  }),
  ContextLoad: command(0x161, {
    request: struct('ContextLoad').field('context', TPMS_CONTEXT),
    returnsHandle: true,
  }),
  Unseal: command(0x15e, {
    handles: ['itemHandle'],
    authorized: 1,
    response: struct('Unseal response').field('outData', TPM2B_SENSITIVE_DATA),
  }),
  Import: command(0x156, {
    handles: ['parentHandle'],
    authorized: 1,
    request: struct('Import')
      .field('encryptionKey', TPM2B_DATA)
      .field('objectPublic', TPM2B_PUBLIC)
      .field('duplicate', TPM2B_PRIVATE)
      .field('inSymSeed', TPM2B_ENCRYPTED_SECRET)
      .field('symmetricAlg', TPMT_SYM_DEF_OBJECT),
    response: struct('Import response').field('outPrivate', TPM2B_PRIVATE),
  }),
  Duplicate: command(0x14b, {
    handles: ['objectHandle', 'newParentHandle'],
    authorized: 1,
    request: struct('Duplicate').field('encryptionKeyIn', TPM2B_DATA).field('symmetricAlg', TPMT_SYM_DEF_OBJECT),
    response: struct('Duplicate response')
      .field('encryptionKeyOut', TPM2B_DATA)
      .field('duplicate', TPM2B_PRIVATE)
      .field('outSymSeed', TPM2B_ENCRYPTED_SECRET),
  }),
  MakeCredential: command(0x168, {
    handles: ['handle'],
    request: struct('MakeCredential').field('credential', TPM2B_DIGEST).field('objectName', TPM2B_NAME),
    response: struct('MakeCredential response')
      .field('credentialBlob', TPM2B_ID_OBJECT)
      .field('secret', TPM2B_ENCRYPTED_SECRET),
  }),
  ActivateCredential: command(0x147, {
    handles: ['activateHandle', 'keyHandle'],
    authorized: 2,
    request: struct('ActivateCredential')
      .field('credentialBlob', TPM2B_ID_OBJECT)
      .field('secret', TPM2B_ENCRYPTED_SECRET),
    response: struct('ActivateCredential response').field('certInfo', TPM2B_DIGEST),
  }),
  RSA_Encrypt: command(0x174, {
    handles: ['keyHandle'],
    request: struct('RSA_Encrypt')
      .field('message', TPM2B_PUBLIC_KEY_RSA)
      .field('inScheme', TPMT_RSA_DECRYPT)
      .field('label', TPM2B_DATA),
    response: struct('RSA_Encrypt response').field('outData', TPM2B_PUBLIC_KEY_RSA),
  }),
  RSA_Decrypt: command(0x159, {
    handles: ['keyHandle'],
    authorized: 1,
    request: struct('RSA_Decrypt')
      .field('cipherText', TPM2B_PUBLIC_KEY_RSA)
      .field('inScheme', TPMT_RSA_DECRYPT)
      .field('label', TPM2B_DATA),
    response: struct('RSA_Decrypt response').field('message', TPM2B_PUBLIC_KEY_RSA),
  }),
  ECDH_ZGen: command(0x154, {
    handles: ['keyHandle'],
    authorized: 1,
    request: struct('ECDH_ZGen').field('inPoint', TPM2B_ECC_POINT),
    response: struct('ECDH_ZGen response').field('outPoint', TPM2B_ECC_POINT),
  }),
  Sign: command(0x15d, {
    handles: ['keyHandle'],
    authorized: 1,
    request: struct('Sign')
      .field('digest', TPM2B_DIGEST)
      .field('inScheme', TPMT_SIG_SCHEME)
      .field('validation', TPMT_TK_HASHCHECK),
    response: struct('Sign response').field('signature', raw(TPMT_SIGNATURE)),
  }),
  VerifySignature: command(0x177, {
    handles: ['keyHandle'],
    request: struct('VerifySignature').field('digest', TPM2B_DIGEST).field('signature', TPMT_SIGNATURE),
    response: struct('VerifySignature response').field('validation', TPMT_TK_VERIFIED),
  }),
} as const;
