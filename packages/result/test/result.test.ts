import { describe, expect, it } from 'vitest';
import { describeFault, expectOk, fail, ok } from '../src/index.ts';

describe('Result', () => {
  it('carries a value or a fault', () => {
    expect(ok(5)).toEqual({ ok: true, value: 5 });
    expect(fail('stale-nonce', 'too late')).toEqual({ ok: false, fault: { code: 'stale-nonce', detail: 'too late' } });
  });
  it('gives the value and throws where a fault is a bug', () => {
    expect(expectOk(ok('x'))).toBe('x');
    expect(() => expectOk(fail('malformed', 'no bytes'))).toThrow('malformed: no bytes');
  });
  it('describes a fault with its place and its causes in one line', () => {
    const inner = fail('truncated', 'needs 4 bytes', { at: 'u32@2' }).fault;
    expect(describeFault(fail('malformed', 'not a log', { cause: inner }).fault)).toBe(
      'malformed: not a log (truncated at u32@2: needs 4 bytes)',
    );
  });
});
