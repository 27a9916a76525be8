import { readFile } from 'node:fs/promises';
import { fromBase64Url } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { keepGuardian, type KnownGuardian, knownGuardians, makeGuardian } from '@sekimori/guardian-files';
import { parseGuardianMetadata } from '@sekimori/key-protector';
import { describeFault, ok, type Result } from '@sekimori/result';
import { readClientFile } from '../data/client-file.ts';
import { dataPaths } from '../data/data-folder.ts';
import { type Answer, type CommandFault, type Context, misuse, refuse } from '../outcome.ts';
import { paint, printable } from '../output/text.ts';
import { readBounded } from './files.ts';
import { bareHex } from './fingerprint.ts';

const MAX_METADATA = 256 * 1024;

export async function newGuardian({ data, io }: Context, name: string): Answer {
  const made = await makeGuardian(dataPaths(data).guardians, name, io.now());
  if (!made.ok) return made;
  const { guardian, file } = made.value;
  return ok({
    json: onePlain(made.value),
    text: `guardian ${name}\n${guardian.fingerprint}`,
    notes: [
      `Its public half, for others: ${file}`,
      'Tell them the fingerprint another way than the file. Keep a copy of its folder: nobody else can open what only it owns.',
    ],
  });
}

export async function listGuardians({ data, io }: Context): Answer {
  const known = await knownGuardians(dataPaths(data).guardians);
  if (!known.ok) return known;
  const lines = known.value.map(({ name, own, guardian }) => {
    const called = guardian.name === name ? '' : `, calls itself ${printable(guardian.name)}`;
    return `${paint(io, 'bold', name)}  ${own ? 'own' : 'imported'}${called}\n  ${guardian.fingerprint}`;
  });
  const notes = lines.length === 0 ? ["No guardian yet: 'sekimori guardian new --help'"] : [];
  return ok({ json: { guardians: known.value.map(onePlain) }, text: lines.join('\n'), notes });
}

/** Trusted is the fingerprint that was compared another way, and nothing that the file or the address says. */
export async function importGuardian(
  context: Context,
  name: string,
  options: { readonly from: string; readonly fingerprint?: string; readonly ca?: string },
): Answer {
  const { data, io, json } = context;
  const metadata = options.from.includes('://')
    ? await download(context, options.from, options.ca)
    : await readBounded(options.from, MAX_METADATA);
  if (!metadata.ok) return metadata;
  const parsed = parseGuardianMetadata(crypto, metadata.value);
  if (!parsed.ok)
    return refuse(
      'not-a-guardian',
      `${options.from} is no guardian: ${describeFault(parsed.fault)}`,
      'ask its owner for the metadata document again',
    );
  const { fingerprint } = parsed.value.guardian;
  const compared = options.fingerprint === undefined ? await compare() : bareHex(options.fingerprint);
  if (compared === undefined)
    return refuse(
      'fingerprint-missing',
      `${name} was not imported: the guardian has the fingerprint ${fingerprint}`,
      `compare it with its owner another way, then add --fingerprint HEX`,
    );
  if (compared !== fingerprint)
    return refuse(
      'fingerprint-mismatch',
      `${name} was not imported: the guardian has the fingerprint ${fingerprint}, not the one given`,
      'do not trust it before its owner confirms the fingerprint',
    );
  const kept = await keepGuardian(dataPaths(data).guardians, name, metadata.value);
  if (!kept.ok) return kept;
  return ok({ json: onePlain(kept.value), text: `guardian ${name}, imported\n${fingerprint}` });

  async function compare(): Promise<string | undefined> {
    if (!io.ask || json) return undefined;
    io.tell(`The guardian has the fingerprint\n  ${fingerprint}\n`);
    const said = await io.ask(`Did its owner tell you the same, another way? Type 'yes': `);
    return said.trim() === 'yes' ? fingerprint : undefined;
  }
}

/** From a key protection service, over TLS with one CA and no other: --ca, or the one of the data folder. */
async function download(
  { data }: Context,
  from: string,
  caFile: string | undefined,
): Promise<Result<Uint8Array, CommandFault>> {
  const address = URL.parse(from);
  if (address?.protocol !== 'https:' || !['/', '/v1/guardian'].includes(address.pathname))
    return misuse(
      '--from takes a file or the https:// address of a key protection service',
      "for example 'https://hgs.example:8444'",
    );
  const client = caFile === undefined ? await readClientFile(data) : undefined;
  if (client && !client.ok)
    return misuse(
      'the CA of that address is not known here',
      'give it with --ca FILE, as the HGS administrator handed it out',
    );
  const ca = await readFile(caFile ?? (client?.value.ca as string), 'utf8');
  if (!ca.includes('-----BEGIN CERTIFICATE-----'))
    return refuse('not-a-ca', `${caFile} is no PEM certificate`, 'give the CA file of that service');
  const [{ createClient }, { nodeTransport }, { keyProtectionRoutes }, { answered }] = await Promise.all([
    import('@sekimori/client'),
    import('@sekimori/client/node'),
    import('@sekimori/protocol'),
    import('./services.ts'),
  ]);
  const transport = nodeTransport({ ca });
  try {
    const reply = answered(
      await createClient({ baseUrl: address.origin, transport }).call(keyProtectionRoutes.guardian),
    );
    if (!reply.ok) return reply;
    const metadata = fromBase64Url(reply.value.metadata);
    return metadata ? ok(metadata) : refuse('not-a-guardian', `${from} sent no metadata document`);
  } finally {
    transport.close();
  }
}

function onePlain({ name, own, guardian, file }: KnownGuardian) {
  return { name, own, fingerprint: guardian.fingerprint, callsItself: guardian.name, file };
}
