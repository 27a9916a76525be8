export { defaultDataFolder } from './data/data-folder.ts';
export { initDataFolder, type InitOptions, type InitReport } from './init/init-data-folder.ts';
export { type RunningServices, type ServeOptions, startServe } from './serve/start-serve.ts';
