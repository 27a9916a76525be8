/** A TPM's response code, explained. Part 2, 6.6. */
export interface ResponseCode {
  readonly code: number;
  /** 'TPM_RC_VALUE'; 'TPM_RC_0x…' for a number without a name. */
  readonly name: string;
  readonly kind: 'success' | 'error' | 'warning' | 'vendor';
  /** What the TPM blames, counted from 1. */
  readonly about?: { readonly part: 'handle' | 'session' | 'parameter'; readonly number: number };
  /** The same command, sent again unchanged, may succeed. */
  readonly retry: boolean;
}

/** Any number gives an answer. Part 2, 6.6. */
export function explainResponseCode(code: number): ResponseCode {
  if (code === 0) return { code, name: 'TPM_RC_SUCCESS', kind: 'success', retry: false };
  if (code & FORMAT_ONE) {
    const name = nameIn(FMT1, code & 0x3f, code);
    const about = blamedBy(code);
    return about ? { code, name, kind: 'error', about, retry: false } : { code, name, kind: 'error', retry: false };
  }
  if (code & VENDOR) return { code, name: unnamed(code), kind: 'vendor', retry: false };
  if (code === 0x01e) return { code, name: 'TPM_RC_BAD_TAG', kind: 'error', retry: false };
  if (!(code & VERSION_TWO)) return { code, name: unnamed(code), kind: 'error', retry: false };
  if (code & WARNING) {
    const name = nameIn(WARNINGS, code & 0x7f, code);
    return { code, name, kind: 'warning', retry: RETRY.has(name) };
  }
  return { code, name: nameIn(FMT0, code & 0x7f, code), kind: 'error', retry: false };
}

/** Bit 6: a parameter, of which there may be fifteen; else bit 11: a session. Number 0 blames nothing. Part 2, 6.6.2. */
function blamedBy(code: number): ResponseCode['about'] {
  const number = (code >> 8) & 0xf;
  if (code & 0x40) return number === 0 ? undefined : { part: 'parameter', number };
  if ((number & 7) === 0) return undefined;
  return number > 8 ? { part: 'session', number: number - 8 } : { part: 'handle', number };
}

const FORMAT_ONE = 0x080;
const VERSION_TWO = 0x100;
const VENDOR = 0x400;
const WARNING = 0x800;

const RETRY: ReadonlySet<string> = new Set(['TPM_RC_YIELDED', 'TPM_RC_TESTING', 'TPM_RC_NV_RATE', 'TPM_RC_RETRY']);

function nameIn(names: Readonly<Record<number, string>>, number: number, code: number): string {
  const name = names[number];
  return name === undefined ? unnamed(code) : `TPM_RC_${name}`;
}

function unnamed(code: number): string {
  return `TPM_RC_0x${code.toString(16)}`;
}

const FMT0: Readonly<Record<number, string>> = {
  0x00: 'INITIALIZE',
  0x01: 'FAILURE',
  0x03: 'SEQUENCE',
  0x0b: 'PRIVATE',
  0x19: 'HMAC',
  0x20: 'DISABLED',
  0x21: 'EXCLUSIVE',
  0x24: 'AUTH_TYPE',
  0x25: 'AUTH_MISSING',
  0x26: 'POLICY',
  0x27: 'PCR',
  0x28: 'PCR_CHANGED',
  0x2d: 'UPGRADE',
  0x2e: 'TOO_MANY_CONTEXTS',
  0x2f: 'AUTH_UNAVAILABLE',
  0x30: 'REBOOT',
  0x31: 'UNBALANCED',
  0x42: 'COMMAND_SIZE',
  0x43: 'COMMAND_CODE',
  0x44: 'AUTHSIZE',
  0x45: 'AUTH_CONTEXT',
  0x46: 'NV_RANGE',
  0x47: 'NV_SIZE',
  0x48: 'NV_LOCKED',
  0x49: 'NV_AUTHORIZATION',
  0x4a: 'NV_UNINITIALIZED',
  0x4b: 'NV_SPACE',
  0x4c: 'NV_DEFINED',
  0x50: 'BAD_CONTEXT',
  0x51: 'CPHASH',
  0x52: 'PARENT',
  0x53: 'NEEDS_TEST',
  0x54: 'NO_RESULT',
  0x55: 'SENSITIVE',
};

const FMT1: Readonly<Record<number, string>> = {
  0x01: 'ASYMMETRIC',
  0x02: 'ATTRIBUTES',
  0x03: 'HASH',
  0x04: 'VALUE',
  0x05: 'HIERARCHY',
  0x07: 'KEY_SIZE',
  0x08: 'MGF',
  0x09: 'MODE',
  0x0a: 'TYPE',
  0x0b: 'HANDLE',
  0x0c: 'KDF',
  0x0d: 'RANGE',
  0x0e: 'AUTH_FAIL',
  0x0f: 'NONCE',
  0x10: 'PP',
  0x12: 'SCHEME',
  0x15: 'SIZE',
  0x16: 'SYMMETRIC',
  0x17: 'TAG',
  0x18: 'SELECTOR',
  0x1a: 'INSUFFICIENT',
  0x1b: 'SIGNATURE',
  0x1c: 'KEY',
  0x1d: 'POLICY_FAIL',
  0x1f: 'INTEGRITY',
  0x20: 'TICKET',
  0x21: 'RESERVED_BITS',
  0x22: 'BAD_AUTH',
  0x23: 'EXPIRED',
  0x24: 'POLICY_CC',
  0x25: 'BINDING',
  0x26: 'CURVE',
  0x27: 'ECC_POINT',
  0x28: 'FW_LIMITED',
  0x29: 'SVN_LIMITED',
};

const WARNINGS: Readonly<Record<number, string>> = {
  0x01: 'CONTEXT_GAP',
  0x02: 'OBJECT_MEMORY',
  0x03: 'SESSION_MEMORY',
  0x04: 'MEMORY',
  0x05: 'SESSION_HANDLES',
  0x06: 'OBJECT_HANDLES',
  0x07: 'LOCALITY',
  0x08: 'YIELDED',
  0x09: 'CANCELED',
  0x0a: 'TESTING',
  0x10: 'REFERENCE_H0',
  0x11: 'REFERENCE_H1',
  0x12: 'REFERENCE_H2',
  0x13: 'REFERENCE_H3',
  0x14: 'REFERENCE_H4',
  0x15: 'REFERENCE_H5',
  0x16: 'REFERENCE_H6',
  0x18: 'REFERENCE_S0',
  0x19: 'REFERENCE_S1',
  0x1a: 'REFERENCE_S2',
  0x1b: 'REFERENCE_S3',
  0x1c: 'REFERENCE_S4',
  0x1d: 'REFERENCE_S5',
  0x1e: 'REFERENCE_S6',
  0x20: 'NV_RATE',
  0x21: 'LOCKOUT',
  0x22: 'RETRY',
  0x23: 'NV_UNAVAILABLE',
};
