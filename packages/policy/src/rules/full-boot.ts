import type { Finding } from '../finding.ts';
import type { Rule } from '../rule.ts';

/**
 * One whole boot since the last TPM Reset: no resume (restartCount 0), a separator in each of PCRs 0 to 7, and ExitBootServices
 * that returned with success. Microsoft: Hgs_FullBoot.
 */
export const fullBoot: Rule = {
  id: 'full-boot',
  check: ({ quote, facts }) => {
    const { restartCount } = quote.clock;
    const { separators, exitBootServices } = facts.boot;
    const findings: Finding[] = [];
    if (restartCount !== 0)
      findings.push(
        finding(`the TPM was restarted or resumed ${restartCount} times since its last reset`, {
          expected: '0',
          actual: `${restartCount}`,
        }),
      );
    if (separators.length !== 8) findings.push(finding(`separators in PCRs ${separators.join(', ')} only, of 0 to 7`));
    if (exitBootServices !== 'success')
      findings.push(
        finding(`ExitBootServices: ${exitBootServices}`, { pcr: 5, expected: 'success', actual: exitBootServices }),
      );
    return findings;
  },
};

function finding(detail: string, more: Pick<Finding, 'pcr' | 'expected' | 'actual'> = {}): Finding {
  return { rule: 'full-boot', effect: 'refuse', subStatus: 'FullBoot', detail, ...more };
}
