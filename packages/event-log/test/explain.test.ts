import { toHex } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { describe, expect, it } from 'vitest';
import { EV, explain, renderExplained } from '../src/index.ts';
import { altered, boot, quotedBoot } from './boots.ts';

describe('explain', () => {
  it('is plain JSON of events, PCRs, facts and findings', () => {
    const explained = explain(nodeCrypto, boot('uki-plain-3banks'));
    expect(JSON.parse(JSON.stringify(explained))).toEqual(explained);
    expect(explained).toMatchObject({ format: 'crypto-agile', bank: 'sha256', authenticated: false, findings: [] });
    expect(Object.keys(explained.pcrs)).toEqual(['sha1', 'sha256', 'sha384']);
    expect(explained.pcrs['sha384']?.['4']).toBe(toHex(quotedBoot('uki-plain-3banks', 'sha384').pcr(4) as Uint8Array));
    expect(explained.events[0]).toMatchObject({ index: 0, type: 'EV_NO_ACTION', coverage: 'not-measured' });
    expect(Object.keys(explained.events[1]?.digests ?? {})).toEqual(['sha1', 'sha256', 'sha384']);
  });

  it('says whether a quote vouches for the log', () => {
    const quoted = quotedBoot('uki-plain');
    expect(explain(nodeCrypto, boot('uki-plain'), { quoted })).toMatchObject({ authenticated: true, findings: [] });
    expect(explain(nodeCrypto, boot('uki-initrd-changed'), { quoted })).toMatchObject({
      authenticated: false,
      findings: [{ code: 'log-pcr-mismatch', pcr: 4 }],
    });
  });

  it('tells every defect, not only the first', () => {
    const log = altered('uki-plain', (events) => events.filter((event) => event.type !== EV.EV_SEPARATOR));
    const { findings } = explain(nodeCrypto, log);
    expect(findings.filter((finding) => finding.code === 'log-separator-missing').map(({ pcr }) => pcr)).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ]);
  });

  it('prints lines for people', () => {
    const text = renderExplained(explain(nodeCrypto, boot('shim-ms')));
    expect(text).toContain('crypto-agile log, banks sha256, 47 events');
    expect(text).toContain('No quote vouches for it');
    expect(text).toContain(
      '   41   8 EV_IPL                           f23957dbd30d429f ~ kernel_cmdline: /vmlinuz console=ttyS0',
    );
    expect(text).toContain('  Secure Boot         on   [events 4]');
    expect(text).toContain('Findings: none');
    expect(text).toMatch(/^[\P{Cc}\n]+$/u);
  });
});
