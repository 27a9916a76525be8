export { decodeStructure, type DecodedStructure, type DecodeRequest, type StructureNode } from './decode/structure.ts';
export { STRUCTURE_TYPES, type StructureType } from './decode/types.ts';
export {
  type Endorsement,
  type EndorsementKeyView,
  type NvCertificate,
  readEndorsement,
} from './endorsement/read.ts';
export { explainCode, type ExplainedCode } from './explain-rc.ts';
export type { PcrBank } from './info/capabilities.ts';
export type { NvIndex, PersistentObject } from './info/objects.ts';
export { readTpmInfo, type TpmInfo } from './info/read.ts';
export { type PcrRequest, type PcrValues, readPcrBanks } from './pcrs.ts';
