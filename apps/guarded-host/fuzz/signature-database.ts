import { databaseEntries } from '../src/preflight/signature-database.ts';

/** Anything, as the content of db or dbx. */
export default function (bytes: Uint8Array): void {
  databaseEntries(bytes);
}
