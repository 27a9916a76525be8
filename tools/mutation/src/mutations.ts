/** One check taken out of the source: its text, which must be there exactly once, and what stands there instead. */
export interface Mutation {
  /** The number in the quote checklist; `more` for checks of this package that are not in it. */
  readonly point: keyof typeof POINTS | 'more';
  /** What is no longer checked. */
  readonly lost: string;
  /** Below packages/. */
  readonly file: string;
  readonly text: string;
  readonly replacement: string;
}

/** Of the checklist for quotes: what a verifier of quotes can check. */
export const POINTS = {
  1: 'TPMS_ATTEST strictly: all lengths in range, no trailing bytes',
  2: 'magic',
  3: 'type',
  4: 'extraData is the nonce, at least 16 bytes, and binds channel and request',
  5: 'signature: scheme and hash of the key, sound key, no SHA-1',
  6: 'qualifiedSigner',
  7: 'pcrSelect: the bank and the PCRs asked for, no SHA-1',
  8: 'pcrDigest, with the hash of the signature scheme',
  9: 'the attestation key’s attributes and algorithms',
  11: 'clockInfo against the last accepted',
  14: 'no firmware PCR as at reset',
} as const;

/** The rest of the checklist, and who has it. */
export const ELSEWHERE = {
  10: 'activation and the endorsement certificate: attestation-service, enrolment',
  12: 'releases depend on the attested boot: attestation-service, and health-key-counters here',
  13: 'least firmware versions: policy; the version is in `counters`',
  15: 'the log explains the PCRs: event-log, reconcile',
} as const;

const ATTESTATION = 'quote-verifier/src/attestation.ts';
const KEY = 'quote-verifier/src/attestation-key.ts';
const QUOTE = 'quote-verifier/src/quote.ts';
const CERTIFICATION = 'quote-verifier/src/certification.ts';
const HEALTH_KEY = 'quote-verifier/src/health-key.ts';
const EK = 'quote-verifier/src/endorsement-key.ts';
const RULES = 'quote-verifier/src/key-rules.ts';
const BINDING = 'quote-verifier/src/binding.ts';

export const MUTATIONS: readonly Mutation[] = [
  lost(1, 'bytes after the structure', 'codec/src/codec.ts', 'return length === bytes.length ?', 'return true ?'),
  lost(1, 'reading past the end', 'codec/src/reader.ts', 'if (length > this.#end - start)', 'if (false)'),
  lost(1, 'the bound of a length', 'codec/src/blobs.ts', 'if (count > max) reader', 'if (false) reader'),
  lost(1, 'the bound of the whole', ATTESTATION, 'if (evidence.attest.length > most)', 'if (false)'),
  lost(1, 'the bound of all kinds but one', ATTESTATION, "kind === 'nv' ? MAX_NV_ATTEST : MAX_ATTEST", 'MAX_NV_ATTEST'),
  lost(1, 'the larger bound of NV contents', ATTESTATION, "kind === 'nv' ? MAX_NV_ATTEST : MAX_ATTEST", 'MAX_ATTEST'),
  lost(1, 'its own copy', ATTESTATION, 'copyOf(evidence.attest)', 'evidence.attest'),
  lost(1, 'structure', ATTESTATION, 'if (!decoded.ok) return fail(`${subject}-malformed`', 'if (false) return fail(``'),
  lost(2, 'magic', 'tpm2/src/structures/attest.ts', 'constant(u32, TPM_GENERATED_VALUE)', 'u32'),
  lost(2, 'constants', 'codec/src/numbers.ts', 'if (value !== expected) reader', 'if (false) reader'),
  lost(3, 'type', ATTESTATION, 'if (attested.is !== kind)', 'if (false)'),
  lost(4, 'nonce', ATTESTATION, 'if (!equalConstantTime(extraData, nonce))', 'if (false)'),
  lost(
    4,
    'the nonce’s length',
    'bytes/src/arrays.ts',
    'b: Uint8Array): boolean {\n  if (a.length !== b.length) return false;\n  let',
    'b: Uint8Array): boolean {\n  let',
  ),
  lost(4, 'a short nonce', ATTESTATION, 'if (nonce.length < MIN_EXTRA_DATA && !insecureShortNonce)', 'if (false)'),
  lost(4, 'the least length of a nonce', ATTESTATION, 'MIN_EXTRA_DATA = 16', 'MIN_EXTRA_DATA = 15'),
  ...['context.challenge', 'utf8(context.serviceId)', 'utf8(context.hostId)', 'context.healthKeyName'].map((part) =>
    lost(4, `binding to ${part}`, BINDING, `    ${part},\n`, ''),
  ),
  lost(4, 'binding to the client key', BINDING, "    crypto.hash('sha256', context.clientKey),\n", ''),
  lost(4, 'lengths in the binding', BINDING, 'return concat(u32be(bytes.length), bytes);', 'return bytes;'),
  lost(5, 'signature', ATTESTATION, 'if (!isSignedBy(', 'if (false && !isSignedBy('),
  lost(5, 'the verdict on the signature', 'tpm2/src/structures/signature.ts', '&& crypto.verify(', '|| crypto.verify('),
  lost(5, 'scheme', 'tpm2/src/structures/signature.ts', 'signature.sigAlg !== scheme.scheme || ', ''),
  lost(5, 'hash', 'tpm2/src/structures/signature.ts', ' || signature.hash !== scheme.hashAlg', ''),
  lost(5, 'the bound of the signature', ATTESTATION, 'if (signature.length > MAX_SIGNATURE) return false;', ''),
  lost(5, 'the structure of the signature', ATTESTATION, 'return decoded.ok && verify', 'return !decoded.ok || verify'),
  lost(5, 'SHA-1 schemes', KEY, "if (scheme.hashAlg === 'sha1' && !insecureSha1) return undefined;", ''),
  lost(5, 'RSA size', 'crypto-core/src/public-key-checks.ts', 'bits < 2048 || ', ''),
  lost(
    5,
    'the modulus is as long as it says',
    'tpm2/src/structures/names.ts',
    '8 * unique.value.length !== keyBits || ',
    '',
  ),
  lost(
    5,
    'the modulus has the bits it says',
    'tpm2/src/structures/names.ts',
    ' || ((unique.value[0] ?? 0) & 0x80) === 0',
    '',
  ),
  lost(5, 'exponent', RULES, 'key.value.exponent !== 65537', 'false'),
  lost(5, 'ROCA', RULES, 'isRocaWeak(key.value.modulus)', 'false'),
  lost(5, 'sound keys', KEY, 'if (!key.ok) return fail(', 'if (false) return fail('),
  lost(6, 'signer', ATTESTATION, 'if (!equal(qualifiedSigner, attestationKey.qualifiedName))', 'if (false)'),
  lost(6, 'hierarchy', KEY, 'TPM_RH.endorsement)', 'TPM_RH.owner)'),
  lost(6, 'qualified names', KEY, 'if (qualifiedName && !isNameOf(', 'if (false && !isNameOf('),
  lost(6, 'their length', KEY, 'name.length === 2 + HASHES[hash] && ', ''),
  lost(6, 'their algorithm', KEY, ' && equal(name.subarray(0, 2), u16be(TPM_ALG[hash]))', ''),
  lost(6, 'its own qualified name', KEY, 'copyOf(qualifiedName)', 'qualifiedName'),
  lost(7, 'a second bank', QUOTE, 'more.length > 0 || ', ''),
  lost(7, 'bank', QUOTE, 'selected?.bank !== expected.selection.bank || ', '!selected || '),
  lost(7, 'PCRs', QUOTE, ' || !sameIndices(selected.indices, indices)', ''),
  lost(7, 'how many PCRs', QUOTE, 'a.length === b.length && a.every', 'a.every'),
  lost(7, 'no PCR', QUOTE, 'if (selection.indices.length === 0)', 'if (false)'),
  lost(7, 'SHA-1 banks', QUOTE, "if (selection.bank === 'sha1' &&", 'if (false &&'),
  lost(7, 'a PCR twice', QUOTE, 'if (indices.some((index, at) => index === indices[at - 1]))', 'if (false)'),
  lost(8, 'digest', QUOTE, 'if (!equal(crypto.hash(expected', 'if (false && !equal(crypto.hash(expected'),
  lost(8, 'the digest’s hash', QUOTE, 'expected.attestationKey.scheme.hashAlg', 'selected.bank'),
  lost(8, 'how many values', QUOTE, 'if (claimed.length !== indices.length) return undefined;', ''),
  lost(8, 'the values’ length', QUOTE, 'if (value?.length !== length)', 'if (!value || value.length > length)'),
  lost(8, 'whose value it is', QUOTE, 'inOrder?.index === index ? inOrder', 'inOrder ? inOrder'),
  ...['restricted', 'sign', 'fixedTPM', 'fixedParent'].map((attribute) =>
    lost(9, attribute, KEY, `'${attribute}', `, ''),
  ),
  lost(9, 'sensitiveDataOrigin', KEY, ", 'sensitiveDataOrigin'", ''),
  lost(9, 'decrypt', KEY, "'decrypt', ", ''),
  lost(9, 'encryptedDuplication', KEY, ", 'encryptedDuplication'", ''),
  lost(9, 'attributes', KEY, 'if (wrong.length > 0)', 'if (false)'),
  lost(9, 'attributes to be set', RULES, '!attributes[each]', 'false'),
  lost(9, 'attributes to be clear', RULES, '=> attributes[each]', '=> false'),
  lost(9, 'its own copy', KEY, 'copyOf(tpm2bPublic)', 'tpm2bPublic'),
  lost(9, 'SHA-1 Names', KEY, "area.nameAlg === 'sha1' || ", ''),
  lost(9, 'symmetric', KEY, "if (symmetric.algorithm !== 'null') return undefined;", ''),
  lost(9, 'signing schemes', KEY, "if (scheme.scheme !== 'ecdsa' &&", 'if (false &&'),
  lost(11, 'resetCount', ATTESTATION, 'if (now.resetCount < previous.resetCount)', 'if (false)'),
  lost(11, 'that a reset may lower the rest', ATTESTATION, 'if (now.resetCount > previous.resetCount)', 'if (false)'),
  lost(11, 'restartCount', ATTESTATION, 'if (now.restartCount < previous.restartCount)', 'if (false)'),
  lost(
    11,
    'that a restart may lower the clock',
    ATTESTATION,
    'if (now.restartCount > previous.restartCount)',
    'if (false)',
  ),
  lost(11, 'clock', ATTESTATION, 'if (now.clock < previous.clock)', 'if (false)'),
  lost(11, 'counters of quotes', QUOTE, 'return behind ?? ok(', 'return ok('),
  lost(11, 'counters of certifications', CERTIFICATION, 'return behind ?? ok(', 'return ok('),
  lost(11, 'counters of attestations', ATTESTATION, 'return behind ?? ok(', 'return ok('),
  lost(11, 'an unsafe clock', ATTESTATION, 'clockSafe: safe', 'clockSafe: true'),
  lost(14, 'PCRs as at reset', QUOTE, 'if (untouched.length > 0)', 'if (false)'),
  lost(14, 'zeros', QUOTE, 'value.every((byte) => byte === 0) || ', ''),
  lost(14, 'ones', QUOTE, ' || value.every((byte) => byte === 0xff)', ''),
  lost(14, 'PCR 7', QUOTE, 'FIRMWARE_PCRS = 8', 'FIRMWARE_PCRS = 7'),
  lost('more', 'Name', CERTIFICATION, 'if (!equal(name, expected.name))', 'if (false)'),
  lost('more', 'hierarchy', CERTIFICATION, 'if (!equal(qualifiedName, expected.qualifiedName))', 'if (false)'),
  lost('more', 'whose quote', HEALTH_KEY, '!equal(quote.attestationKey.name, attestationKey.name) || ', ''),
  lost('more', 'which request’s quote', HEALTH_KEY, ' || !equal(quote.extraData, extraData)', ''),
  lost('more', 'the certification', HEALTH_KEY, 'if (!certification.ok)\n', 'if (false)\n'),
  lost('more', 'reset', HEALTH_KEY, 'resetCount !== quote.counters.resetCount ||', ''),
  lost('more', 'restart', HEALTH_KEY, 'restartCount !== quote.counters.restartCount ||', ''),
  lost('more', 'firmware', HEALTH_KEY, 'firmwareVersion !== quote.counters.firmwareVersion', 'false'),
  lost('more', 'NULL hierarchy', HEALTH_KEY, 'TPM_RH.null', 'TPM_RH.owner'),
  lost('more', 'attributes', HEALTH_KEY, 'if (wrong.length > 0)', 'if (false)'),
  lost('more', 'template', HEALTH_KEY, 'if (!isTemplate(area.value))', 'if (false)'),
  lost('more', 'curve', HEALTH_KEY, "curveID === 'P-256' && ", ''),
  lost('more', 'policy', HEALTH_KEY, 'if (!policy || !equal(area.value.authPolicy, policy))', 'if (false)'),
  lost('more', 'attributes', EK, 'if (wrong.length > 0)', 'if (false)'),
  ...['restricted', 'decrypt', 'fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'sign'].map((attribute) =>
    lost('more', attribute, EK, `'${attribute}', `, ''),
  ),
  lost('more', 'adminWithPolicy', EK, ", 'adminWithPolicy'", ''),
  lost('more', 'encryptedDuplication', EK, ", 'encryptedDuplication'", ''),
  lost('more', 'storage keys', EK, 'if (!isStorageKey(area.value))', 'if (false)'),
  lost(
    'more',
    'key size of the cipher',
    'tpm2/src/protection/outer-wrapping.ts',
    'isAesBits(symmetric.keyBits) ? ',
    'true ? ',
  ),
  lost('more', 'its own copy', EK, 'copyOf(tpm2bPublic)', 'tpm2bPublic'),
  lost('more', 'policy', EK, 'if (!hasProfilePolicy(area.value))', 'if (false)'),
  lost('more', 'sound keys', EK, 'if (!key.ok) return fail(', 'if (false) return fail('),
];

function lost(point: Mutation['point'], what: string, file: string, text: string, replacement: string): Mutation {
  return { point, lost: what, file, text, replacement };
}
