import { readJson } from '../src/json.ts';

export default function readAnyJson(bytes: Uint8Array): void {
  readJson(bytes);
}
