import { nodeCrypto } from '@sekimori/crypto-core/node';
import { describe, expect, it } from 'vitest';
import { appraise, fullBoot, MEASURED_RULES, type Reference, secureBootState } from '../src/index.ts';
import { baselineOf, LAX, logOf, quoteOf, refusals, STRICT, verdictOf } from './subjects.ts';

describe('a good boot', () => {
  it('of its own baseline is measured, and says what that does not show', () => {
    const verdict = verdictOf('uki-plain', LAX, [baselineOf('uki-plain')]);
    expect(verdict).toMatchObject({
      good: true,
      level: 'measured',
      keyIsolation: 'none',
      baselineId: 'uki-plain',
      policyVersion: 1,
      policyDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
      findings: [{ rule: 'kexec-possible', effect: 'remark', subStatus: 'KexecPossible' }],
    });
    expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict);
  });

  it.each(['uki-snakeoil', 'shim-ms'])('%s, where Secure Boot is required', (name) => {
    expect(verdictOf(name, STRICT, [baselineOf('uki-plain'), baselineOf(name)])).toMatchObject({
      good: true,
      baselineId: name,
    });
  });
});

describe('a changed boot', () => {
  it('with another command line: names PCR, event, expected and actual', () => {
    const verdict = verdictOf('uki-cmdline-changed', LAX, [baselineOf('shim-ms'), baselineOf('uki-plain')]);
    expect(verdict.good).toBe(false);
    const found = refusals(verdict);
    expect(found.map(({ pcr }) => pcr)).toEqual([11, 9, 4]);
    expect(found[0]).toMatchObject({
      rule: 'matches-baseline',
      subStatus: 'CodeIntegrityPolicy',
      baselineId: 'uki-plain',
      expected: 'fec61fd30b3e895d87f0dd2c33decabb01070382d62e5ecccdfc8f3fb28e9e50',
      actual: expect.stringMatching(/^[0-9a-f]{64}$/),
      event: {
        index: 29,
        expected: {
          type: 'EV_IPL',
          description: 'content of UKI section .cmdline',
          digest: expect.stringMatching(/^3bf355d4/),
        },
        actual: {
          type: 'EV_IPL',
          description: 'content of UKI section .cmdline',
          digest: expect.stringMatching(/^c2d91125/),
        },
      },
    });
    expect(found[1]).toMatchObject({
      pcr: 9,
      event: { index: 33, actual: { description: 'object LOADED_IMAGE::LoadOptions (tag 0x8f3b22ed)' } },
    });
    expect(found[2]).toMatchObject({
      pcr: 4,
      subStatus: 'SecureBootSettings',
      event: {
        index: 23,
        actual: { description: 'image \\EFI\\BOOT\\BOOTX64.EFI', digest: expect.stringMatching(/^31ba0511/) },
      },
    });
  });

  it('with another initrd', () => {
    const found = refusals(verdictOf('uki-initrd-changed', LAX, [baselineOf('uki-plain')]));
    expect(found.map(({ pcr, event }) => [pcr, event?.index, event?.actual?.description])).toEqual([
      [11, 31, 'content of UKI section .initrd'],
      [9, 34, 'object Linux initrd (tag 0x8f3b22ec)'],
      [4, 23, 'image \\EFI\\BOOT\\BOOTX64.EFI'],
    ]);
  });

  it('without Secure Boot, where it is required: also with a baseline', () => {
    expect(refusals(verdictOf('uki-plain', STRICT, [baselineOf('uki-plain')]))).toMatchObject([
      { rule: 'secure-boot-state', subStatus: 'SecureBoot', pcr: 7, expected: 'on', actual: 'off' },
    ]);
  });

  it.each([
    ['uki-snakeoil-cmdline-changed', '.cmdline', 'object LOADED_IMAGE::LoadOptions (tag 0x8f3b22ed)'],
    ['uki-snakeoil-initrd-changed', '.initrd', 'object Linux initrd (tag 0x8f3b22ec)'],
  ])('%s, signed by the same key: Secure Boot alone would not see it', (name, section, object) => {
    const verdict = verdictOf(name, STRICT, [baselineOf('uki-snakeoil')]);
    expect(verdict).toMatchObject({ good: false, facts: { secureBoot: { state: 'on' } } });
    expect(refusals(verdict).map(({ pcr, event }) => [pcr, event?.actual?.description])).toEqual([
      [11, `content of UKI section ${section}`],
      [9, object],
      [4, 'image \\EFI\\BOOT\\BOOTX64.EFI'],
    ]);
  });

  it('under another Secure Boot configuration: PCR 7 comes first', () => {
    const found = refusals(verdictOf('uki-plain', LAX, [baselineOf('uki-snakeoil')]));
    expect(found[0]).toMatchObject({ pcr: 7, subStatus: 'SecureBootSettings', event: { index: 4 } });
    expect(found.map(({ pcr }) => pcr)).toEqual(expect.arrayContaining([4, 0]));
  });
});

describe('missing means no', () => {
  it('no active baseline', () => {
    expect(refusals(verdictOf('uki-plain', LAX, []))).toMatchObject([
      { rule: 'matches-baseline', subStatus: 'SecureBootSettings', detail: 'no baseline is active' },
    ]);
  });

  it('a baseline of no PCR, or of too few', () => {
    const baseline = baselineOf('uki-plain');
    const { 11: _, ...fewer } = baseline.pcrs;
    for (const pcrs of [{}, fewer]) {
      expect(verdictOf('uki-plain', LAX, [{ ...baseline, pcrs }])).toMatchObject({ good: false });
      expect(refusals(verdictOf('uki-plain', LAX, [{ ...baseline, pcrs }]))).toHaveLength(1);
    }
  });

  it('a baseline of another bank', () => {
    expect(verdictOf('uki-plain', LAX, [{ ...baselineOf('uki-plain'), bank: 'sha384' }]).good).toBe(false);
  });

  it.each([8, 9, 11, 12, 13, 14])('PCR %d, which the baseline names and nobody quoted', (pcr) => {
    const indices = quoteOf('uki-plain').indices.filter((index) => index !== pcr);
    const quote = quoteOf('uki-plain', {}, indices);
    const reference: Reference = { policy: LAX, baselines: [baselineOf('uki-plain')] };
    const verdict = appraise(nodeCrypto, MEASURED_RULES, { quote, log: logOf('uki-plain', quote) }, reference);
    expect(refusals(verdict)).toMatchObject([{ pcr, rule: 'matches-baseline' }]);
  });

  it('the baseline, also where the rules leave it out', () => {
    const subject = { quote: quoteOf('uki-plain'), log: logOf('uki-plain') };
    expect(appraise(nodeCrypto, [secureBootState], subject, { policy: LAX, baselines: [] }).good).toBe(false);
    expect(
      appraise(nodeCrypto, [secureBootState, fullBoot], subject, { policy: LAX, baselines: [baselineOf('uki-plain')] })
        .good,
    ).toBe(true);
  });
});

describe('the log', () => {
  const reference: Reference = { policy: LAX, baselines: [baselineOf('uki-plain')] };

  it('that was not accepted is a finding with the fault', () => {
    const quote = quoteOf('uki-plain');
    const verdict = appraise(nodeCrypto, MEASURED_RULES, { quote, log: logOf('uki-snakeoil', quote) }, reference);
    expect(verdict).toMatchObject({
      good: false,
      findings: [
        {
          rule: 'event-log',
          subStatus: 'TcgLogVerification',
          code: 'log-pcr-mismatch',
          pcr: 0,
          expected: expect.any(String),
        },
      ],
    });
    expect('level' in verdict).toBe(false);
  });

  it('that was accepted for another quote is a finding', () => {
    const verdict = appraise(
      nodeCrypto,
      MEASURED_RULES,
      { quote: quoteOf('uki-cmdline-changed'), log: logOf('uki-plain') },
      reference,
    );
    expect(verdict).toMatchObject({ good: false, findings: [{ rule: 'event-log' }] });
  });
});

describe('full boot', () => {
  it('a TPM that was resumed', () => {
    const quote = quoteOf('uki-plain', { restartCount: 2 });
    const reference: Reference = { policy: LAX, baselines: [baselineOf('uki-plain')] };
    const verdict = appraise(nodeCrypto, MEASURED_RULES, { quote, log: logOf('uki-plain') }, reference);
    expect(refusals(verdict)).toMatchObject([{ rule: 'full-boot', subStatus: 'FullBoot', expected: '0', actual: '2' }]);
  });
});
