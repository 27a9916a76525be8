import { access } from 'node:fs/promises';
import { toHex } from '@sekimori/bytes';
import { nodeCrypto as crypto } from '@sekimori/crypto-core/node';
import { guardianNamed, knownGuardians, ownGuardian } from '@sekimori/guardian-files';
import {
  type Guardian,
  newKeyProtector,
  OpenedProtector,
  parseProtector,
  type Protector,
  protectorFileBytes,
  VerifiedProtector,
  XML_LIMITS,
} from '@sekimori/key-protector';
import { describeFault, ok, type Result } from '@sekimori/result';
import { writePrivateFile } from '@sekimori/service-kit/program';
import { dataPaths } from '../data/data-folder.ts';
import { type Answer, type CommandFault, type Context, refuse } from '../outcome.ts';
import { fields, printable } from '../output/text.ts';
import { readBounded } from './files.ts';

/** Text of one decimal number a line takes up to ten bytes for each byte (`protectorFileBytes`). */
const MAX_FILE = 10 * XML_LIMITS.bytes;

export async function makeProtector(
  { data, io }: Context,
  options: {
    readonly owner: string;
    readonly guardian?: readonly string[];
    readonly out: string;
    readonly keyOut?: string;
  },
): Answer {
  const owner = await ownGuardian(dataPaths(data).guardians, options.owner);
  if (!owner.ok) return owner;
  const guardians: Guardian[] = [];
  for (const name of options.guardian ?? []) {
    const known = await guardianNamed(dataPaths(data).guardians, name);
    if (!known.ok) return known;
    guardians.push(known.value.guardian);
  }
  for (const file of [options.out, ...(options.keyOut === undefined ? [] : [options.keyOut])])
    if (await exists(file)) return taken(file); // before anything is written; the writing itself decides
  const made = await newKeyProtector(crypto, { owner: owner.value, guardians, at: io.now() });
  if (!made.ok) return { ok: false, fault: { ...made.fault, hint: "see 'sekimori guardian list'" } };
  const { protector, transportKey } = made.value;
  if (options.keyOut !== undefined && !(await writePrivateFile(options.keyOut, transportKey)).ok)
    return taken(options.keyOut);
  transportKey.wipe();
  if (!(await writePrivateFile(options.out, protector)).ok) return taken(options.out);
  const names = options.guardian ?? [];
  return ok({
    json: {
      file: options.out,
      keyFile: options.keyOut ?? null,
      owner: owner.value.guardian.fingerprint,
      guardians: guardians.map(({ fingerprint }) => fingerprint),
    },
    text: `${options.out}: owner ${options.owner}, ${names.length === 0 ? 'no guardian' : `guardians ${names.join(', ')}`}`,
    notes: names.length === 0 ? ['Only the owner can open it: no key protection service can give it to a host.'] : [],
  });
}

/** All that can be said without a private key. */
export async function showProtector({ data }: Context, file: string): Answer {
  const read = await readProtector(file);
  if (!read.ok) return read;
  const { protector, verified } = read.value;
  const known = await knownGuardians(dataPaths(data).guardians);
  const nameHere = ({ fingerprint }: Guardian) =>
    known.ok ? known.value.find(({ guardian }) => guardian.fingerprint === fingerprint)?.name : undefined;
  const { owner, wrappings, signer } = verified;
  const describe = (guardian: Guardian) => ({
    callsItself: guardian.name,
    fingerprint: guardian.fingerprint,
    knownHereAs: nameHere(guardian) ?? null,
  });
  const algorithms = algorithmsOf(protector);
  const others = wrappings.filter((wrapping) => wrapping !== owner);
  const line = ({ guardian }: { readonly guardian: Guardian }) => {
    const here = nameHere(guardian);
    return `  ${printable(guardian.name)}${here === undefined ? ', not known here' : ` (here: ${here})`}\n    ${guardian.fingerprint}`;
  };
  return ok({
    json: {
      owner: describe(owner.guardian),
      guardians: others.map(({ guardian }) => describe(guardian)),
      signedBy: signer.guardian.fingerprint,
      algorithms,
      maxOfflineUnwraps: verified.maxOfflineUnwraps,
      verified: ['structure', 'wrapping-signatures', 'guardian-signature'],
      notVerified: ['transport-key-signature', 'maxOfflineUnwraps'],
    },
    text: [
      'Owner',
      line(owner),
      others.length === 0 ? 'Guardians: none' : 'Guardians',
      ...others.map(line),
      `Signed by ${signer === owner ? 'the owner' : printable(signer.guardian.name)}`,
      'Algorithms',
      fields(Object.entries(algorithms)).replaceAll(/^/gm, '  '),
      'Structure and signatures hold. Not checked, since it needs a private key: that the transport key inside agrees.',
    ].join('\n'),
    notes: ['Names are what guardians call themselves: go by the fingerprints.'],
  });
}

export async function openProtector(
  { data }: Context,
  file: string,
  options: { readonly guardian: string; readonly keyOut?: string; readonly insecurePrintKey?: boolean },
): Answer {
  const keys = await ownGuardian(dataPaths(data).guardians, options.guardian);
  if (!keys.ok) return keys;
  const read = await readProtector(file);
  if (!read.ok) return read;
  if (options.keyOut !== undefined && (await exists(options.keyOut))) return taken(options.keyOut);
  const opened = await OpenedProtector.open(crypto, read.value.verified, [keys.value]);
  if (!opened.ok)
    return { ok: false, fault: { ...opened.fault, hint: `see who can open it: sekimori key-protector show ${file}` } };
  const { transportKey } = opened.value;
  if (options.keyOut !== undefined && !(await writePrivateFile(options.keyOut, transportKey)).ok)
    return taken(options.keyOut);
  const shown = options.insecurePrintKey ? transportKey.use(toHex) : undefined;
  transportKey.wipe();
  const wrote = options.keyOut === undefined ? '' : `; its transport key is in ${options.keyOut}`;
  return ok({
    json: {
      opened: true,
      by: keys.value.guardian.fingerprint,
      owner: read.value.verified.owner.guardian.fingerprint,
      keyFile: options.keyOut ?? null,
      ...(shown === undefined ? {} : { transportKey: shown }),
    },
    text: `${file} opens for ${options.guardian}${wrote}${shown === undefined ? '' : `\n${shown}`}`,
    notes:
      options.keyOut === undefined && shown === undefined
        ? ['The key was written nowhere: --key-out FILE writes it.']
        : [],
  });
}

async function readProtector(
  file: string,
): Promise<Result<{ readonly protector: Protector; readonly verified: VerifiedProtector }, CommandFault>> {
  const bytes = await readBounded(file, MAX_FILE);
  if (!bytes.ok) return bytes;
  const document = protectorFileBytes(bytes.value);
  const parsed = document && parseProtector(document);
  if (!parsed?.ok) {
    const why = parsed ? `: ${describeFault(parsed.fault)}` : '';
    return refuse(
      'protector-malformed',
      `${file} is no key protector${why}`,
      'give the file that its owner or the last roll wrote',
    );
  }
  const verified = VerifiedProtector.verify(crypto, parsed.value);
  if (!verified.ok)
    return refuse(
      verified.fault.code,
      `${file} does not hold: ${describeFault(verified.fault)}`,
      'it was changed or damaged: use another copy',
    );
  return ok({ protector: parsed.value, verified: verified.value });
}

/** Each URI once, by what it is for. */
function algorithmsOf({ wrappings, keyDerivation, transportKeySignature, guardianSignature }: Protector) {
  const wrapping = [...new Set(wrappings.map(({ transportKey }) => transportKey.algorithm))].join(' ');
  return {
    wrapping,
    'key derivation': keyDerivation.algorithm,
    'transport key signature': transportKeySignature.algorithm,
    'guardian signature': guardianSignature.algorithm,
  };
}

function taken(file: string): { readonly ok: false; readonly fault: CommandFault } {
  return refuse('file-exists', `${file} is there already, and was not changed`, 'choose another name');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
