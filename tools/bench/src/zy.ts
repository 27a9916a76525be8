import nc from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
const counts = new Map<string, number>(); const stacks = new Map<string, number>();
for (const n of ['createPublicKey', 'verify', 'sign', 'hash', 'generateKeyPairSync', 'diffieHellman', 'hkdfSync', 'createHmac', 'randomBytes', 'createCipheriv'] as const) {
  const o = (nc as any)[n];
  (nc as any)[n] = (...a: any[]) => { counts.set(n, (counts.get(n) ?? 0) + 1);
   if (n === 'createPublicKey' || n === 'hash') { const s = n + ' ' + new Error().stack!.split('\n').slice(3, 8).map((x) => x.trim().replace(/file:.*main\//, '').replace('at ', '')).join(' < '); stacks.set(s, (stacks.get(s) ?? 0) + 1); }
   return o(...a); };
}
const osc = globalThis.structuredClone; let sc = 0; globalThis.structuredClone = ((x: any) => { sc++; return osc(x); }) as any;
syncBuiltinESMExports();
const { attestInMemory, rollCase } = await import('./service-cases.ts');
for (const make of [attestInMemory, rollCase]) {
  const c = await make();
  for (let i = 0; i < 5; i++) { await c.prepare?.(1); await c.subject(); }
  await c.prepare?.(10);
  counts.clear(); stacks.clear(); sc = 0;
  for (let i = 0; i < 10; i++) await c.subject();
  console.log(c.name, [...counts].map(([k, v]) => `${k} ${v / 10}`).join(', '), 'clones', sc / 10);
  for (const [s, v] of [...stacks].sort((a, b) => b[1] - a[1]).slice(0, 14)) console.log('  ', v / 10, s);
}
process.exit(0);
