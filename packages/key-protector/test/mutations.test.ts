import { toBase64, toHex } from '@sekimori/bytes';
import { expectOk } from '@sekimori/result';
import { sequence } from '@sekimori/testkit';
import { describe, expect, it } from 'vitest';
import type { OpenedProtector } from '../src/index.ts';
import { aProtector, branch, bytesOf, crypto, fabric, open, owner, stranger } from './parties.ts';
import { elements, type Tree, treeOf, written } from './tree.ts';

const ROUNDS = 1500;
const SEED = 0x5e41_0001;

/** What a protector says to the one who opens it; MaxOfflineUnwraps is not part of it, since nothing authenticates it. */
function meaning({ protector, transportKey, keys }: OpenedProtector): string {
  return JSON.stringify({
    transportKey: toHex(bytesOf(transportKey)),
    opener: keys.guardian.fingerprint,
    owner: protector.owner.id,
    signer: protector.signer.id,
    wrappings: protector.wrappings.map(({ id, guardian }) => [id, guardian.fingerprint]),
  });
}

describe('structure-aware mutations', () => {
  it(`${ROUNDS} of them: none opens with another meaning, none throws`, async () => {
    const pick = sequence(SEED);
    const original = (await aProtector([fabric, branch])).protector;
    // material that signatures of the same keys cover elsewhere; the last is not for the one who opens
    const genuine = [
      original,
      (await aProtector([fabric, branch])).protector,
      (await aProtector([stranger, fabric])).protector,
      (await aProtector([fabric, owner], stranger)).protector,
      (await aProtector([branch])).protector,
    ];
    const donors = genuine.map(treeOf);
    // a mutation may also lead from one genuine protector to another, whole
    const meanings: string[] = [];
    for (const bytes of genuine.slice(0, -1)) meanings.push(meaning(expectOk(await open(bytes, fabric))));
    const seen = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      const tree = treeOf(original);
      for (let edits = 1 + pick(3); edits > 0; edits--) mutate(tree, donors, pick);
      const outcome = await open(written(tree), fabric);
      const result = outcome.ok ? 'opened' : outcome.fault.code;
      seen.set(result, (seen.get(result) ?? 0) + 1);
      if (outcome.ok) expect(meanings).toContain(meaning(outcome.value));
    }
    // the mutations reach every stage of the check
    expect([...seen.keys()].toSorted()).toEqual([
      'opened',
      'protector-algorithm',
      'protector-guardian-signature',
      'protector-malformed',
      'protector-not-mine',
      'protector-not-opened',
      'protector-wrapping',
      'protector-wrapping-signature',
    ]);
  });

  it('flipped bits of the bytes: none opens with another meaning, none throws', async () => {
    const pick = sequence(SEED + 1);
    const original = (await aProtector([fabric])).protector;
    const expected = meaning(expectOk(await open(original, fabric)));
    for (let round = 0; round < ROUNDS; round++) {
      const place = pick(original.length);
      const outcome = await open(original.with(place, original[place]! ^ (1 << pick(8))), fabric);
      if (outcome.ok) expect(meaning(outcome.value)).toBe(expected);
    }
  });
});

function mutate(tree: Tree, donors: readonly Tree[], pick: (below: number) => number): void {
  const all = elements(tree).filter(({ parent }) => parent !== undefined);
  const chosen = all[pick(all.length)];
  if (!chosen?.parent) return;
  const { node, parent } = chosen;
  const place = parent.children.indexOf(node);
  const donor = donors[pick(donors.length)] as Tree;
  const alike = elements(donor)
    .map((element) => element.node)
    .filter((other) => other.name === node.name);
  const other = alike[pick(Math.max(1, alike.length))];
  const kinds: (() => void)[] = [
    () => parent.children.splice(place, 1),
    () => parent.children.splice(place, 0, structuredClone(node)),
    () => parent.children.push(...parent.children.splice(place, 1)),
    () => parent.children.splice(place, 0, '\n  '),
    () => other && parent.children.splice(place, 1, structuredClone(other)),
    () => other && parent.children.splice(place, 0, structuredClone(other)),
    () => other && (node.children = structuredClone(other.children)),
    () => other && (node.attributes = { ...other.attributes }),
    () => (node.name = all[pick(all.length)]?.node.name ?? 'X'),
    () => (node.namespace = ['', 'urn:x', 'urn:sekimori:sekimori-1'][pick(3)] as string),
    () => (node.attributes[['Algorithm', 'WrappingId', 'ParentWrappingId', 'Id'][pick(4)] as string] = String(pick(4))),
    () => (tree.attributes['MaxOfflineUnwraps'] = String(pick(10))),
    () => (node.children = [String(1 + pick(4))]),
    () => (node.children = [toBase64(crypto.hash('sha256', Uint8Array.of(pick(256))))]),
    () => {
      const [text] = node.children;
      if (typeof text !== 'string') return;
      const index = pick(text.length);
      node.children = [text.slice(0, index) + 'AQgw'[pick(4)] + text.slice(index + 1)];
    },
    () => {
      const [text] = node.children;
      if (typeof text === 'string') node.children = [`${text.slice(0, 4)}\n${text.slice(4)}`];
    },
    () => (tree.children = structuredClone(donor.children)),
    () => tree.children.splice(pick(3), 1, structuredClone(donor.children[pick(3)] as Tree)),
  ];
  kinds[pick(kinds.length)]?.();
}
