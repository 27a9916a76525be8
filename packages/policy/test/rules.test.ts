import { factsOf } from '@sekimori/event-log';
import { describe, expect, it } from 'vitest';
import {
  type BootSubject,
  clockSafe,
  firmwareVersion,
  fullBoot,
  type Reference,
  secureBootState,
  uefiDebug,
} from '../src/index.ts';
import { acceptedLog, LAX, quoteOf, STRICT } from './subjects.ts';

const log = acceptedLog('uki-snakeoil');
const good: BootSubject = { quote: quoteOf('uki-snakeoil'), log, facts: factsOf(log) };
const withFacts = (facts: Partial<BootSubject['facts']>): BootSubject => ({
  ...good,
  facts: { ...good.facts, ...facts },
});
const strict: Reference = { policy: STRICT, baselines: [] };
const lax: Reference = { policy: LAX, baselines: [] };

describe('secure-boot-state', () => {
  it('is content with on', () => {
    expect(secureBootState.check(good, strict)).toEqual([]);
  });

  it.each(['off', 'unknown'] as const)('refuses %s, where it is required', (state) => {
    const subject = withFacts({ secureBoot: { state, events: [] } });
    expect(secureBootState.check(subject, strict)).toMatchObject([{ subStatus: 'SecureBoot', actual: state }]);
    expect(secureBootState.check(subject, lax)).toEqual([]);
  });
});

describe('uefi-debug', () => {
  it('refuses debug mode, whatever the policy', () => {
    expect(uefiDebug.check(good, lax)).toEqual([]);
    const subject = withFacts({ debugMode: { state: 'on', events: [5] } });
    expect(uefiDebug.check(subject, lax)).toMatchObject([{ subStatus: 'DebugMode', pcr: 7 }]);
  });
});

describe('full-boot', () => {
  it('is content with a whole boot', () => {
    expect(fullBoot.check(good, lax)).toEqual([]);
  });

  it.each(['missing', 'failure'] as const)('refuses ExitBootServices: %s', (exitBootServices) => {
    const subject = withFacts({ boot: { ...good.facts.boot, exitBootServices } });
    expect(fullBoot.check(subject, lax)).toMatchObject([{ subStatus: 'FullBoot', pcr: 5, actual: exitBootServices }]);
  });

  it('refuses a separator that is missing', () => {
    const subject = withFacts({ boot: { ...good.facts.boot, separators: [0, 1, 2, 3, 4, 5, 6] } });
    expect(fullBoot.check(subject, lax)).toMatchObject([{ subStatus: 'FullBoot' }]);
  });
});

describe('clock-safe', () => {
  it('remarks a clock that may have gone back', () => {
    expect(clockSafe.check(good, lax)).toEqual([]);
    const subject = { ...good, quote: quoteOf('uki-snakeoil', { safe: false }) };
    expect(clockSafe.check(subject, lax)).toMatchObject([{ effect: 'remark', subStatus: 'TpmClock' }]);
  });
});

describe('firmware-version', () => {
  it('remarks a TPM whose firmware went down', () => {
    const check = (firmware: NonNullable<BootSubject['quote']['firmware']>) =>
      firmwareVersion.check({ ...good, quote: { ...good.quote, firmware } }, lax);
    expect(firmwareVersion.check(good, lax)).toEqual([]);
    for (const kept of [{ version: 5n }, { version: 5n, previous: 5n }, { version: 6n, previous: 5n }])
      expect(check(kept)).toEqual([]);
    expect(check({ version: 1n, previous: 0x2000000001n })).toMatchObject([
      { effect: 'remark', subStatus: 'TpmFirmware', expected: '0000002000000001', actual: '0000000000000001' },
    ]);
  });
});
