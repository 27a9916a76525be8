import { toBase64Url } from '@sekimori/bytes';
import { readPem, tpmVendorName } from '@sekimori/pki';
import { attestationRoutes as routes, type TpmRootShape } from '@sekimori/protocol';
import { fail, ok, type Result } from '@sekimori/result';
import { type Answer, type Context } from '../outcome.ts';
import { printable } from '../output/text.ts';
import { readBounded } from './files.ts';
import { bareHex } from './fingerprint.ts';
import { answered, withServices } from './services.ts';

const MAX_FILE = 256 * 1024;

export function addTpmRoot(
  { data }: Context,
  file: string,
  options: {
    readonly vendor: string;
    readonly insecureSoftwareTpm?: boolean;
    readonly manufacturer?: readonly string[];
  },
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
          ...(options.manufacturer ? { manufacturers: options.manufacturer.map((id) => id.toLowerCase()) } : {}),
        },
      }),
    );
    if (!added.ok) return added;
    const { vendor, subject, fingerprint, insecure } = added.value;
    const vouches = `vouches for ${vouchesFor(added.value)}`;
    return ok({
      json: added.value,
      text: `trusted: ${printable(vendor)}, ${printable(subject)}\n${vouches}\n${fingerprint}`,
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
      .map((root) => {
        const { vendor, subject, fingerprint, insecure } = root;
        const warning = insecure ? '  (insecure: a software TPM)' : '';
        return `${printable(vendor)}${warning}\n  ${printable(subject)}\n  vouches for ${vouchesFor(root)}\n  ${fingerprint}`;
      })
      .join('\n');
    const notes = roots.length === 0 ? ["No TPM vendor is trusted yet: 'sekimori tpm-root add --help'"] : [];
    return ok({ json: { roots }, text, notes });
  });
}

export function removeTpmRoot({ data }: Context, fingerprint: string): Answer {
  return withServices(data, async ({ attestation }) => {
    const reply = await attestation.call(routes.removeTpmRoot, { params: { fingerprint: bareHex(fingerprint) } });
    const removed = answered(reply);
    if (!removed.ok) return removed;
    const { vendor, subject } = removed.value;
    return ok({
      json: removed.value,
      text: `no longer trusted: ${printable(vendor)}, ${printable(subject)}`,
      notes: ["Hosts that were enrolled through it stay until they are revoked: 'sekimori host revoke'."],
    });
  });
}

function vouchesFor({ manufacturers, insecure }: TpmRootShape): string {
  if (!manufacturers) return insecure ? 'every manufacturer, software TPMs too' : 'the known makers of hardware TPMs';
  return manufacturers.map((id) => `${id} (${tpmVendorName(id) ?? 'unknown'})`).join(', ');
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
