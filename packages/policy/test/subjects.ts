import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromHex } from '@sekimori/bytes';
import { nodeCrypto } from '@sekimori/crypto-core/node';
import { type AcceptedLog, type LogFault, parseEventLog, reconcile } from '@sekimori/event-log';
import { expectOk, type Result } from '@sekimori/result';
import {
  appraise,
  type AttestationPolicy,
  type Baseline,
  captureBaseline,
  type Finding,
  MEASURED_RULES,
  type QuotedBoot,
  type Verdict,
} from '../src/index.ts';

const boots = new URL('../../../examples/boots/', import.meta.url);
export const PCRS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14];
export const AT = new Date('2026-01-02T03:04:05.678Z');
export const LAX: AttestationPolicy = { version: 1, secureBoot: 'not-required', fullBoot: true };
export const STRICT: AttestationPolicy = { version: 2, secureBoot: 'required', fullBoot: true };

/** The PCRs of a recorded boot, as a verified quote would give them. */
export function quoteOf(name: string, clock: Partial<QuotedBoot['clock']> = {}, indices = PCRS): QuotedBoot {
  const text = readFileSync(fileURLToPath(new URL(`${name}/pcrs_sha256.txt`, boots)), 'utf8');
  const values = new Map(
    [...text.matchAll(/^\s+(\d+)\s*: 0x([0-9A-F]+)/gm)].map(([, pcr, hex]) => [Number(pcr), fromHex(hex as string)]),
  );
  return {
    bank: 'sha256',
    indices,
    pcr: (index) => (indices.includes(index) ? values.get(index) : undefined),
    clock: { clock: 1000n, resetCount: 1, restartCount: 0, safe: true, ...clock },
  };
}

export function logOf(name: string, quote = quoteOf(name)): Result<AcceptedLog, LogFault> {
  const bytes = readFileSync(fileURLToPath(new URL(`${name}/binary_bios_measurements`, boots)));
  return reconcile(nodeCrypto, expectOk(parseEventLog(new Uint8Array(bytes))), quote);
}

export function acceptedLog(name: string): AcceptedLog {
  return expectOk(logOf(name));
}

export function baselineOf(name: string, id = name): Baseline {
  return expectOk(captureBaseline(acceptedLog(name), quoteOf(name), { id, name: `boot ${name}`, at: AT }));
}

export function verdictOf(name: string, policy: AttestationPolicy, baselines: readonly Baseline[]): Verdict {
  return appraise(nodeCrypto, MEASURED_RULES, { quote: quoteOf(name), log: logOf(name) }, { policy, baselines });
}

export function refusals(verdict: Verdict): readonly Finding[] {
  return verdict.findings.filter((finding) => finding.effect === 'refuse');
}
