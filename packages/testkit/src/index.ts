export {
  createAttestationSigner,
  createServerCa,
  createTlsClient,
  createTlsServer,
  type TlsIdentity,
} from './authority.ts';
export { badRequests, type BadRequest, goodRequest, type InputRoute } from './bad-input.ts';
export { boot, bootFile, type BootName } from './boots.ts';
export { corpus } from './corpus.ts';
export { type Defect, DEFECTS, type Evidence, type EvidenceRequest } from './evidence.ts';
export { createForger, type Forger } from './forger.ts';
export { createFixedClock, type FixedClock, START } from './clock.ts';
export { createIds } from './ids.ts';
export { programsMissing, rootMissing } from './programs.ts';
export { measure, measureInto } from './measure.ts';
export { QUOTED_PCRS } from './pcrs.ts';
export { virtualHost, type VirtualHost, type VirtualHostOptions } from './virtual-host.ts';
export { dumpDatabase, tamperWithDatabase } from './database.ts';
export { runProgram, type RunningProgram } from './run-program.ts';
export { sequence } from './sequence.ts';
export { showsSecret } from './secrets.ts';
