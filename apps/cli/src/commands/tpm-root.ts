import { toBase64Url } from '@sekimori/bytes';
import { readPem } from '@sekimori/pki';
import { attestationRoutes as routes } from '@sekimori/protocol';
import { fail, ok, type Result } from '@sekimori/result';
import { type Answer, type Context } from '../outcome.ts';
import { printable } from '../output/text.ts';
import { readBounded } from './files.ts';
import { answered, withServices } from './services.ts';

const MAX_FILE = 256 * 1024;

export function addTpmRoot(
  { data }: Context,
  file: string,
  options: { readonly vendor: string; readonly insecureSoftwareTpm?: boolean },
): Answer {
  return withServices(data, async ({ attestation }) => {
    const bytes = await readBounded(file, MAX_FILE);
    if (!bytes.ok) return bytes;
    const certificate = oneCertificate(bytes.value);
    if (!certificate.ok)
      return { ok: false, fault: { ...certificate.fault, hint: 'give one CA certificate, PEM or DER' } };
    const added = answered(
      await attestation.call(routes.addTpmRoot, {
        body: {
          certificate: toBase64Url(certificate.value),
          vendor: options.vendor,
          ...(options.insecureSoftwareTpm ? { insecureSoftwareTpm: true } : {}),
        },
      }),
    );
    if (!added.ok) return added;
    const { vendor, subject, fingerprint, insecure } = added.value;
    return ok({
      json: added.value,
      text: `trusted: ${printable(vendor)}, ${printable(subject)}\n${fingerprint}`,
      notes: insecure ? ['A software TPM protects nothing from root of its machine.'] : [],
    });
  });
}

export function listTpmRoots({ data }: Context): Answer {
  return withServices(data, async ({ attestation }) => {
    const reply = answered(await attestation.call(routes.listTpmRoots));
    if (!reply.ok) return reply;
    const { roots } = reply.value;
    const text = roots
      .map(({ vendor, subject, fingerprint, insecure }) => {
        const warning = insecure ? '  (insecure: a software TPM)' : '';
        return `${printable(vendor)}${warning}\n  ${printable(subject)}\n  ${fingerprint}`;
      })
      .join('\n');
    const notes = roots.length === 0 ? ["No TPM vendor is trusted yet: 'sekimori tpm-root add --help'"] : [];
    return ok({ json: { roots }, text, notes });
  });
}

function oneCertificate(bytes: Uint8Array): Result<Uint8Array> {
  if (bytes[0] === DER_SEQUENCE) return ok(bytes);
  const blocks = readPem(new TextDecoder().decode(bytes));
  if (!blocks.ok) return blocks;
  const [block] = blocks.value;
  return block?.label === 'CERTIFICATE' && blocks.value.length === 1
    ? ok(block.der)
    : fail('not-one-certificate', 'the file does not hold one certificate alone');
}

const DER_SEQUENCE = 0x30;
