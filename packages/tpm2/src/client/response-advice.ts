import type { CommandName } from '../commands/table.ts';
import { explainResponseCode } from './response-code.ts';

/** What a response code usually says about the world, and what helps. For people; both are sentences without an end. */
export interface ResponseAdvice {
  readonly means: string;
  readonly todo: string;
}

/**
 * What is known of a response code (Part 2, 6.6, in our words), whatever handle, session or parameter it blames; more of one that `command`
 * answered. Undefined for a number
 * without a name, which a vendor may use.
 */
export function adviceOnResponseCode(code: number, command?: CommandName): ResponseAdvice | undefined {
  const name = explainResponseCode(code).name.replace('TPM_RC_', '');
  const reference = /^REFERENCE_([HS])([0-6])$/.exec(name);
  if (reference) return notLoaded(reference[1] as 'H' | 'S', Number(reference[2]) + 1);
  const text = OF_COMMANDS.get(`${command} ${name}`) ?? (Object.hasOwn(ADVICE, name) ? ADVICE[name] : undefined);
  return text && { means: text[0], todo: text[1] };
}

function notLoaded(area: 'H' | 'S', number: number): ResponseAdvice {
  return area === 'H'
    ? {
        means: `handle ${number} of the command names an object or a session that is not in the TPM now`,
        todo: 'load it again (TPM2_Load or TPM2_ContextLoad); it is gone after a flush, a reset, or the end of a connection to /dev/tpmrm0',
      }
    : {
        means: `authorization ${number} of the command uses a session that is not in the TPM now`,
        todo: 'start a new session, or load the saved one; a session ends with its first command unless continueSession is set',
      };
}

/** Where a command uses a code for something of its own. */
const OF_COMMANDS: ReadonlyMap<string, readonly [means: string, todo: string]> = new Map([
  [
    'PolicyPCR VALUE',
    [
      'the PCRs have other values than the policy was made for',
      'find out what booted differently; a new boot needs a new policy, or one that its owner approved',
    ],
  ],
  [
    'PolicyAuthorize VALUE',
    [
      'the session has reached another policy than the one that was approved',
      'run the steps that were approved, in their order, or have these approved',
    ],
  ],
  [
    'PolicyOR VALUE',
    ['the session has reached none of the branches', 'run the steps of one branch first, in their order'],
  ],
  [
    'Load INTEGRITY',
    [
      'the object was made below another parent, in another TPM, or changed',
      'load it where it was made; TPM2_Clear ends all objects of the owner for good',
    ],
  ],
  [
    'ActivateCredential INTEGRITY',
    ['the credential was made for another endorsement key or another object', 'ask for a credential for these two'],
  ],
]);

/** By name without its prefix: what it means, what to do. */
const ADVICE: Readonly<Record<string, readonly [means: string, todo: string]>> = {
  SUCCESS: ['the command was done', 'nothing'],
  BAD_TAG: [
    'the command began with a tag that is none of TPM 2.0; a TPM 1.2 answers so to every command of 2.0',
    'see that this is a TPM 2.0, and that nothing on the way changed the command',
  ],

  // Format zero, errors
  INITIALIZE: [
    'TPM2_Startup has not run since the reset; to TPM2_Startup itself: it has run already',
    'firmware or kernel run it as a rule; for a bare swtpm or simulator send TPM2_Startup once after each start',
  ],
  FAILURE: [
    'the TPM is in failure mode: a self-test found a defect, and it does nothing but TPM2_GetTestResult and TPM2_GetCapability',
    'cut the power and start again; if it comes back, look for a firmware update, then for another TPM',
  ],
  SEQUENCE: [
    'a hash or HMAC sequence was used in another way than it was started for',
    'start the sequence anew, and end it with the command that belongs to it',
  ],
  PRIVATE: ['a code that no command of today gives', 'ask the vendor of the TPM'],
  HMAC: ['a code that no command of today gives', 'ask the vendor of the TPM'],
  DISABLED: [
    'the command is switched off on this TPM',
    'see whether the firmware disabled it; TPM2_Clear is, after TPM2_ClearControl',
  ],
  EXCLUSIVE: [
    'an audit session was to be the only one, and another command came between',
    'start the audit session anew, and send nothing else meanwhile',
  ],
  AUTH_TYPE: [
    'the authorization is of another kind than this entity or this role takes',
    'use a policy session where the object wants its policy, a password or HMAC session elsewhere',
  ],
  AUTH_MISSING: [
    'a handle of the command needs an authorization, and none came for it',
    'send one authorization for each handle that needs one; an empty password counts as one',
  ],
  POLICY: [
    'a policy command could not do its work: its comparison does not hold, or an authPolicy has the wrong length',
    'compare the values of the policy with those at hand, and the length of authPolicy with its hash',
  ],
  PCR: [
    'the PCRs have other values than the command or the creation asks for',
    "compare with 'tpm pcrs'; firmware, kernel or settings may have changed since",
  ],
  PCR_CHANGED: [
    'a PCR was extended after the policy session had checked the PCRs',
    'restart the policy session (TPM2_PolicyRestart) and run its policy again',
  ],
  UPGRADE: [
    'the TPM is in the middle of a firmware update, or, to a command of an update, is not',
    "finish the update with its vendor's program, and then start again",
  ],
  TOO_MANY_CONTEXTS: [
    'the counter that numbers saved contexts is at its end',
    'end all sessions, or reset the TPM: the counter starts anew then',
  ],
  AUTH_UNAVAILABLE: [
    'the entity cannot be authorized in this way: its password counts for nothing (userWithAuth is clear), or it has no policy',
    'use a policy session with its policy; for an endorsement key of the low range that is PolicySecret of the endorsement hierarchy',
  ],
  REBOOT: [
    'the TPM goes on only after a reset with TPM2_Startup(CLEAR)',
    'restart the machine; cut its power if that is not enough',
  ],
  UNBALANCED: [
    'the hash of the key is too weak for its symmetric algorithm',
    'choose a hash whose digest is at least as long as the key: SHA-256 with AES-128, SHA-384 with AES-256',
  ],
  COMMAND_SIZE: [
    'the size in the header is not that of the command, or the command is longer than this TPM takes',
    "correct the size; see the largest one in 'tpm info'",
  ],
  COMMAND_CODE: ['this TPM has no such command', "see 'tpm info' for what is missing; a firmware update may bring it"],
  AUTHSIZE: [
    'the authorization area is shorter or longer than its size says, or has more than three authorizations',
    'correct authorizationSize, which counts bytes',
  ],
  AUTH_CONTEXT: [
    'the command may have no authorization: those that save, load and flush contexts may not',
    'send it without sessions (tag 0x8001)',
  ],
  NV_RANGE: [
    'offset and size reach beyond the end of the NV index',
    'read its dataSize with TPM2_NV_ReadPublic, and stay inside',
  ],
  NV_SIZE: [
    'more was asked for than an NV index may hold',
    "split it, or make it smaller; see the largest one in 'tpm info'",
  ],
  NV_LOCKED: [
    'the NV index is locked against reading or writing',
    'a lock that is not for good ends with the next start of the TPM; one for good ends when the index is deleted',
  ],
  NV_AUTHORIZATION: [
    'this authorization does not allow this use of the NV index',
    'see its attributes: ownerRead, authRead, policyRead and so on say whose authorization counts',
  ],
  NV_UNINITIALIZED: [
    'the NV index was defined but never written, or what TPM2_Shutdown(STATE) kept cannot be restored',
    'write it first; after TPM2_Startup(STATE): start with CLEAR',
  ],
  NV_SPACE: ['the NV memory is full', "delete indices or persistent keys that nobody needs; 'tpm info' lists them"],
  NV_DEFINED: [
    'there is an NV index or a persistent object under this handle already',
    "choose another handle, or delete what is there if it is not needed; 'tpm info' lists them",
  ],
  BAD_CONTEXT: [
    'the saved context is damaged, of another TPM, or from before a reset',
    'load or make the object anew: contexts do not outlast a reset',
  ],
  CPHASH: [
    'the policy names another command or other parameters than came, or has two limits that exclude each other',
    'run exactly the command that the policy was made for; use one of cpHash, nameHash and template',
  ],
  PARENT: [
    'this handle is no parent: only restricted decryption keys are',
    'use a storage key such as the storage root key 0x81000001',
  ],
  NEEDS_TEST: [
    'something in the TPM must be tested before it is used',
    'run TPM2_SelfTest, then send the command again',
  ],
  NO_RESULT: [
    'the TPM could not compute this, and does not say why: as a rule a value in a parameter is unfit',
    'check the parameters, points and exponents most of all',
  ],
  SENSITIVE: [
    'the private part was decrypted, and is no sensitive area',
    'the wrapping was made with another key, or is damaged: wrap it again',
  ],

  // Format one: about a handle, a session or a parameter
  ASYMMETRIC: ['the TPM has no such asymmetric algorithm, or it does not fit here', "see the algorithms in 'tpm info'"],
  ATTRIBUTES: [
    'attributes contradict each other, or are not those that this use needs',
    'for an object: compare objectAttributes with its template and its parent; for a session: see decrypt, encrypt and audit',
  ],
  HASH: [
    'the TPM has no such hash, or it may not be used here',
    "see the algorithms in 'tpm info'; SHA-256 is in every TPM",
  ],
  VALUE: [
    'a value is not possible here; as a handle: nothing is loaded under it',
    'for a handle: load the object again; for a parameter: compare it with what the command takes',
  ],
  HIERARCHY: [
    'the hierarchy is switched off, or is not the one that this needs',
    "see 'tpm info': shEnable and ehEnable say which are on; firmware may have switched one off",
  ],
  KEY_SIZE: ['the TPM has no keys of this size', 'use RSA-2048, or AES-128'],
  MGF: ['the TPM has no such mask generation function', 'use another scheme'],
  MODE: ['the TPM has no such mode of operation, or it may not be used here', 'use CFB for storage keys and sessions'],
  TYPE: ['the thing is of another type than this place takes', 'see which type of object the command wants'],
  HANDLE: [
    'the handle is not one for this place, or there is nothing under it: no such NV index, no such persistent key',
    "see what is there: 'tpm info' lists persistent handles and NV indices",
  ],
  KDF: [
    'the TPM has no such key derivation, or it may not be used here',
    'leave it out (TPM_ALG_NULL) where the command allows',
  ],
  RANGE: [
    'a number is outside of what is allowed here',
    'compare it with the limits that Part 3 tells for the command',
  ],
  AUTH_FAIL: [
    'wrong password or HMAC, of an entity that dictionary-attack protection covers: the failure is counted',
    "find the right authorization before the counter reaches its limit; 'tpm info' has both",
  ],
  NONCE: [
    'a nonce is too short, too long, or not the one of this session',
    'keep to the last nonce of the TPM; if two programs share the session, give each its own',
  ],
  PP: ['somebody must be present at the machine for this', 'confirm it in the firmware setup'],
  SCHEME: [
    'the scheme is not one of this key or this use',
    'name the scheme of the key, or TPM_ALG_NULL for its own; a restricted key has exactly one',
  ],
  SIZE: [
    'a structure has another length than its type may have, or bytes follow at the end',
    'compare the size in front of the structure with the structure, and with the bounds of its type',
  ],
  SYMMETRIC: [
    'the TPM has no such symmetric algorithm or key size, or it may not be used here',
    "use AES-128 in CFB mode; see the algorithms in 'tpm info'",
  ],
  TAG: [
    'a structure begins with another tag than is due',
    'use a ticket or structure of the kind that the command wants',
  ],
  SELECTOR: [
    'the type that selects a union is not possible here',
    'compare type, parameters and unique with each other',
  ],
  INSUFFICIENT: [
    'the command ends before this value is complete',
    'a parameter is missing or cut off: compare the command with its table in Part 3',
  ],
  SIGNATURE: [
    'the signature does not hold',
    'see that key, scheme, hash and message are the ones it was made with; it may be forged',
  ],
  KEY: ['the key does not fit this use', 'use a key of the kind that the command wants, and compare its public area'],
  POLICY_FAIL: [
    'the policy session does not satisfy the policy of the entity',
    "run its policy again from the start; with PolicyPCR, compare the values with 'tpm pcrs': what was booted may differ",
  ],
  INTEGRITY: [
    'what was wrapped was changed, or is for another key, another object or another TPM',
    'take it from its origin again; a credential must be made to this endorsement key and this Name',
  ],
  TICKET: [
    'the ticket is not from this TPM, or is for something else',
    'get a new ticket: it does not outlast a change of its hierarchy',
  ],
  RESERVED_BITS: [
    'bits are set that must be zero',
    'compare the attributes with Part 2; a newer specification may have given them a meaning',
  ],
  BAD_AUTH: [
    'wrong password or HMAC, of an entity that dictionary-attack protection does not cover: nothing is counted',
    'find the right authorization; where nobody set one it is empty',
  ],
  EXPIRED: ['the policy was good for a time, and that is over', 'run the policy again'],
  POLICY_CC: [
    'the policy is for another command, or names one that this TPM has not',
    'run the command that PolicyCommandCode names',
  ],
  BINDING: ['public and private part do not belong to each other', 'load the two parts that were made together'],
  CURVE: ['the TPM has no such elliptic curve', "see the curves in 'tpm info'; P-256 is in every usual TPM"],
  ECC_POINT: ['the point is not on the curve', 'send both coordinates as the curve has them; do not trust who sent it'],
  FW_LIMITED: [
    'the hierarchy is bound to another firmware of the TPM',
    'make the object anew under the firmware of now',
  ],
  SVN_LIMITED: [
    'the hierarchy is bound to a security version of the firmware that this TPM has not',
    'make the object anew under the firmware of now',
  ],

  // Warnings
  CONTEXT_GAP: [
    'a session was saved so long ago that its number no longer tells it from newer ones',
    'load and save the oldest session, or flush it; the kernel does that for /dev/tpmrm0',
  ],
  OBJECT_MEMORY: [
    'all slots for objects are taken, as a rule three; making an object needs one too',
    'flush transient objects that nobody uses; /dev/tpmrm0 minds the slots of programs by itself',
  ],
  SESSION_MEMORY: [
    'all slots for sessions are taken',
    'flush sessions that nobody uses; /dev/tpmrm0 minds them by itself',
  ],
  MEMORY: ['the TPM has no memory left for this', 'flush objects and sessions, then send the command again'],
  SESSION_HANDLES: [
    'no more sessions can be told apart, saved ones counted',
    'flush sessions, also those that were only saved',
  ],
  OBJECT_HANDLES: ['no more objects can be told apart', 'flush objects; some TPMs need a reset'],
  LOCALITY: [
    'the command, key or PCR may not be used from this locality',
    'programs of the operating system have locality 0; higher ones are for firmware and launch code',
  ],
  YIELDED: ['the TPM put the command aside', 'send it again unchanged'],
  CANCELED: ['the command was cancelled on request', 'send it again if it is still wanted'],
  TESTING: ['the TPM is testing itself', 'send the command again in a moment'],
  NV_RATE: [
    'the TPM holds back writes to spare its NV memory',
    'send the command again after some seconds, and write less often',
  ],
  LOCKOUT: [
    'too many wrong authorizations: nothing that dictionary-attack protection covers is authorized now',
    "wait ('tpm info' has the time for each), or end it with the lockout authorization ('tpm2_dictionarylockout --clear-lockout'); find who used wrong ones",
  ],
  RETRY: ['the TPM could not begin; usual at the first use of a key after a start', 'send the command again unchanged'],
  NV_UNAVAILABLE: [
    'the NV memory cannot be written now',
    'send the command again later; while it lasts, nothing can be stored or counted',
  ],
};
