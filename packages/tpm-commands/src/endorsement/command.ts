import { ok, type Result } from '@sekimori/result';
import type { CommandFault, Given, Shown } from '../command.ts';
import { entries, printable } from '../text.ts';
import { withTpm } from '../with-tpm.ts';
import { type Endorsement, type EndorsementKeyView, type NvCertificate, readEndorsement } from './read.ts';

export async function tpmEkCommand(given: Given): Promise<Result<Shown, CommandFault>> {
  const read = await withTpm(given, readEndorsement);
  if (!read.ok) return read;
  const { value: document } = read;
  const notes = document.unread.map((what) => printable(`not read: ${what}`));
  if (given.options['pem'] === true)
    return ok({ document, lines: pemOf(document), notes, bad: pemOf(document).length === 0 });
  return ok({ document, lines: linesOf(document, given.now()), notes });
}

/** Endorsement certificates first, then those above them. */
function pemOf({ keys, otherCertificates, chain }: Endorsement): readonly string[] {
  const all = [...keys.flatMap(({ certificates }) => certificates), ...otherCertificates, ...chain];
  return all.map(({ pem }) => pem.trimEnd());
}

function linesOf({ keys, otherCertificates, chain }: Endorsement, now: Date): readonly string[] {
  return [
    ...(keys.length === 0 ? ['endorsement keys: none'] : keys.flatMap((key) => keyLines(key, now))),
    ...otherCertificates.flatMap((each) => [
      'endorsement certificate of no key above:',
      ...certificateLines(each, now, '  '),
    ]),
    ...chain.flatMap((each) => ['certificate above them:', ...certificateLines(each, now, '  ')]),
  ];
}

function keyLines(key: EndorsementKeyView, now: Date): readonly string[] {
  const { kind, template, handle, name, fingerprint, certificates } = key;
  return [
    `endorsement key ${kind}:`,
    ...entries(
      [
        ['EK fingerprint', fingerprint],
        ['template', template ?? 'none of those known here'],
        ['handle', handle ?? 'not kept: made to be shown, and given up'],
        ['name', name],
        ['certificate', certificates.length === 0 ? 'none in NV memory' : undefined],
      ],
      '  ',
    ),
    ...certificates.flatMap((each) => ['  certificate, of this key:', ...certificateLines(each, now, '    ')]),
  ];
}

function certificateLines(certificate: NvCertificate, now: Date, indent: string): readonly string[] {
  const { nvIndex, subject, issuer, serial, tpm, notBefore, notAfter, fingerprint } = certificate;
  const ended = new Date(notAfter) < now ? ', which is over' : '';
  return entries(
    [
      ['NV index', nvIndex],
      ['subject', subject === '' ? 'none, as the profile allows' : subject],
      ['issuer', issuer],
      ['serial', serial],
      [
        'TPM',
        tpm &&
          `${tpm.vendor ?? tpm.manufacturer} ${tpm.model}, version ${tpm.version}${tpm.software ? ', a software TPM or that of a virtual machine' : ''}`,
      ],
      ['valid', `${notBefore} to ${notAfter}${ended}`],
      ['SHA-256', fingerprint],
    ],
    indent,
  );
}
