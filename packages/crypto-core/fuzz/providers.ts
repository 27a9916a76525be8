import { equal } from '@sekimori/bytes';
import { type Crypto, der, Secret } from '../src/index.ts';
import { nodeCrypto } from '../src/node/index.ts';
import { portableCrypto } from '../src/portable/index.ts';

const MAX_DEPTH = 8;

/** Anything: as DER, as a public key and as a private one. Both providers must say the same of it. */
export default function (bytes: Uint8Array): void {
  const node = der.readDer(bytes);
  if (node.ok) walk(node.value, MAX_DEPTH);
  const [inNode, portable] = [nodeCrypto, portableCrypto].map((crypto) => spkiOf(crypto, bytes));
  if (!same(inNode, portable)) throw new Error('the providers do not say the same of a public key');
  const secret = new Secret(bytes);
  const [one, other] = [nodeCrypto, portableCrypto].map((crypto) => {
    const key = crypto.privateKey(secret);
    return key.ok ? key.value.export().use((lent) => Uint8Array.from(lent)) : undefined;
  });
  if (!same(one, other)) throw new Error('the providers do not say the same of a private key');
}

function spkiOf(crypto: Crypto, bytes: Uint8Array): Uint8Array | undefined {
  const key = crypto.publicKey({ type: 'spki', der: bytes });
  return key.ok ? key.value.spki : undefined;
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a && b ? equal(a, b) : a === b;
}

function walk(node: der.DerNode, depth: number): void {
  void [der.oidOf(node), der.unsignedOf(node), der.bitsOf(node)];
  const inside = der.children(node);
  if (inside.ok && depth > 0) for (const child of inside.value) walk(child, depth - 1);
}
