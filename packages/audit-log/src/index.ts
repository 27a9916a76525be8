export { canonicalJson, checkedJson, type JsonValue } from './canonical.ts';
export { type Checkpoint, EMPTY_LOG, formatCheckpoint, parseCheckpoint } from './checkpoint.ts';
export { type AuditDraft, type AuditEntry, formatEntry, parseEntry } from './entry.ts';
export { appendTo, type Hashing, type LogFault, verifyEntries } from './chain.ts';
