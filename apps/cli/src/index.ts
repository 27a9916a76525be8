export { initDataFolder, type InitReport } from './init/init-data-folder.ts';
export type { InitOptions } from './init/options.ts';
export { type RunningServices, type ServeOptions, startServe } from './serve/start-serve.ts';
