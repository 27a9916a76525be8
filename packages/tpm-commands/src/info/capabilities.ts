import { fail, ok } from '@sekimori/result';
import { listHandles, type Tpm, TPM_ALG, TPM_ECC_CURVE, type TpmResult, type TpmsCapabilityData } from '@sekimori/tpm2';

type Kind = TpmsCapabilityData['capability'];
type Data<K extends Kind> = Extract<TpmsCapabilityData, { readonly capability: K }>;

/** A list of one capability, page after page. `from` is the property to begin with. */
async function pages<K extends Kind, Item>(
  tpm: Tpm,
  capability: K,
  from: number,
  { itemsOf, numberOf }: { itemsOf: (data: Data<K>) => readonly Item[]; numberOf: (item: Item) => number },
): Promise<TpmResult<readonly Item[]>> {
  const items: Item[] = [];
  for (let property = from; ; ) {
    const got = await tpm.run('GetCapability', { parameters: { capability, property, propertyCount: PAGE } });
    if (!got.ok) return got;
    const { capabilityData, moreData } = got.value.parameters;
    if (capabilityData.capability !== capability)
      return fail('tpm-malformed-response', 'another capability than asked for');
    const page = itemsOf(capabilityData as Data<K>);
    items.push(...page);
    if (items.length > MOST_ITEMS)
      return fail('tpm-malformed-response', `TPM2_GetCapability gave more than ${MOST_ITEMS} of ${capability}`);
    const last = page.at(-1);
    if (!moreData || last === undefined) return ok(items);
    const next = numberOf(last) + 1;
    if (next <= property) return fail('tpm-malformed-response', `TPM2_GetCapability gave ${capability} out of order`);
    property = next;
  }
}
const PAGE = 64;
/** Of one capability; no TPM has nearly as many. Without an end, a page of one item each takes 2^32 commands. */
const MOST_ITEMS = 4096;

/** TPM_PT and their values, all from `from` on. Part 2, 6.13. */
export async function propertiesOf(tpm: Tpm, from: number): Promise<TpmResult<ReadonlyMap<number, number>>> {
  const read = await pages(tpm, 'tpmProperties', from, {
    itemsOf: ({ properties }) => properties,
    numberOf: ({ property }) => property,
  });
  return read.ok ? ok(new Map(read.value.map(({ property, value }) => [property, value]))) : read;
}

/** The handles of persistent objects. */
export function persistentHandles(tpm: Tpm): Promise<TpmResult<readonly number[]>> {
  return listHandles(tpm, 0x81000000, 0x81ffffff);
}

/** The indices of NV memory. */
export function nvIndexHandles(tpm: Tpm): Promise<TpmResult<readonly number[]>> {
  return listHandles(tpm, 0x01000000, 0x01ffffff);
}

/** Names, and numbers of those without one here. */
export function algorithmsOf(tpm: Tpm): Promise<TpmResult<readonly (string | number)[]>> {
  return pages(tpm, 'algorithms', 1, {
    itemsOf: ({ algorithms }) => algorithms.map(({ alg }) => alg),
    numberOf: (alg) => (typeof alg === 'number' ? alg : TPM_ALG[alg]),
  });
}

export function curvesOf(tpm: Tpm): Promise<TpmResult<readonly (string | number)[]>> {
  return pages(tpm, 'eccCurves', 1, {
    itemsOf: ({ eccCurves }) => eccCurves,
    numberOf: (curve) => (typeof curve === 'number' ? curve : TPM_ECC_CURVE.numbers[curve]),
  });
}

/** TPM_CC of every command there is. */
export async function commandCodesOf(tpm: Tpm): Promise<TpmResult<readonly number[]>> {
  return pages(tpm, 'commands', 0x11f, {
    itemsOf: ({ commandAttributes }) => commandAttributes.map(({ code }) => code),
    numberOf: (code) => code,
  });
}

/** A bank of PCRs; with none of them it is switched off. */
export interface PcrBank {
  readonly bank: string | number;
  readonly pcrs: readonly number[];
}

export async function pcrBanksOf(tpm: Tpm): Promise<TpmResult<readonly PcrBank[]>> {
  const got = await tpm.run('GetCapability', { parameters: { capability: 'pcrs', property: 0, propertyCount: PAGE } });
  if (!got.ok) return got;
  const { capabilityData } = got.value.parameters;
  if (capabilityData.capability !== 'pcrs') return fail('tpm-malformed-response', 'another capability than asked for');
  return ok(capabilityData.banks.map(({ bank, indices }) => ({ bank, pcrs: indices })));
}
