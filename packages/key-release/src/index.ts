export {
  type Release,
  type ReleaseDeps,
  type ReleaseFault,
  type ReleaseRecord,
  type ReleaseRequest,
  releaseKeys,
} from './release.ts';
export {
  openSealedKeys,
  readSealedKeys,
  type SealedKeys,
  type SealedKeysBinding,
  sealKeys,
  type TransportKeys,
} from './sealed-keys.ts';
