export {
  guardianNamed,
  type GuardianFileFault,
  keepGuardian,
  type KnownGuardian,
  knownGuardians,
  makeGuardian,
  ownGuardian,
} from './guardian-files.ts';
