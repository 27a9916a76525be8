import type { AuditDraft, JsonValue } from '@sekimori/audit-log';
import type { Fault, Result } from '@sekimori/result';

export interface NewBaseline {
  /** UUID, made by the caller. */
  readonly id: string;
  /** Unique among those that are not retired. */
  readonly name: string;
  readonly content: JsonValue;
  readonly addedBy: string;
  readonly addedAt: Date;
}

export interface BaselineRecord extends NewBaseline {
  readonly retiredAt: Date | null;
  readonly retiredBy: string | null;
}

/** All that an appraisal needs, read in one moment. */
export interface AttestationPolicy {
  /** 0 before anything was set; grows by one with each change of settings or baselines. */
  readonly version: number;
  /** Null until set: then nothing passes. */
  readonly settings: JsonValue | null;
  /** Those not retired, by name. */
  readonly baselines: readonly BaselineRecord[];
}

export interface NewTpmRoot {
  /** X.509, DER. */
  readonly der: Uint8Array;
  readonly vendor: string;
  readonly addedBy: string;
  readonly addedAt: Date;
  /** Added with an `--insecure-` flag: swtpm's CA, for trials. */
  readonly insecure: boolean;
  /** TCG vendor ids, lower-case hex, that this root vouches for; null leaves it to the service. */
  readonly manufacturers: readonly string[] | null;
}

export interface TpmRoot extends NewTpmRoot {
  /** SHA-256 of the certificate, 64 lower-case hex digits. */
  readonly fingerprint: string;
}

export interface PolicyStore {
  attestationPolicy(): Promise<AttestationPolicy>;
  /** Of `attestationPolicy`, without reading all of it. */
  policyVersion(): Promise<number>;
  /** `policy-changed`: another version is in force than the one the change was made for. */
  setAttestationPolicy(command: {
    readonly settings: JsonValue;
    readonly expectedVersion: number;
    readonly audit: AuditDraft;
  }): Promise<Result<AttestationPolicy, Fault<'policy-changed'>>>;
  addBaseline(command: {
    readonly baseline: NewBaseline;
    readonly audit: AuditDraft;
  }): Promise<Result<BaselineRecord, Fault<'duplicate-name'>>>;
  /** A second time changes nothing. */
  retireBaseline(command: {
    readonly id: string;
    readonly by: string;
    readonly at: Date;
    readonly audit: AuditDraft;
  }): Promise<Result<BaselineRecord, Fault<'unknown-baseline'>>>;
  /** Retired ones too, by name, then by time. */
  baselines(page: { readonly limit: number }): Promise<readonly BaselineRecord[]>;
  addTpmRoot(command: {
    readonly root: NewTpmRoot;
    readonly audit: AuditDraft;
  }): Promise<Result<TpmRoot, Fault<'duplicate-root'>>>;
  removeTpmRoot(command: {
    readonly fingerprint: string;
    readonly audit: AuditDraft;
  }): Promise<Result<TpmRoot, Fault<'unknown-root'>>>;
  /** By fingerprint. */
  tpmRoots(): Promise<readonly TpmRoot[]>;
}
