// What a program that runs for a moment needs of the kit: without the server it starts several times faster.
export { type Clock, systemClock } from './clock.ts';
export { type ConfigSource, loadConfig, type LoadedConfig } from './config.ts';
export { FilePath } from './config-schema.ts';
export { readJson, terminalJson } from './json.ts';
export { fileKeyFiles } from './key-files.ts';
export { codeOf, privateFolder, readPrivateFile, syncFolder, writePrivateFile } from './private-files.ts';
export { complain, type StartFault } from './service.ts';
