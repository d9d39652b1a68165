// Run with --expose-gc by a test: puts four revisions in force, decides by each, and tells which of the old ones are still
// held by anything: programs, sets, documents.
import { createCheck } from '#services/authz/check.ts';
import { encodeAttributes, MapBag } from '#proto/attributes/index.ts';
import { systemClock } from '#runtime/clock.ts';
import { inSlices } from '#runtime/in-slices.ts';
import { Revisions } from '#services/authz/revisions.ts';

const policy = (i: number, version: number): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p-${i}, namespace: shop }
spec: { action: DENY, rules: [ { to: [ { operation: { paths: [ /${version}/${i} ] } } ] } ] }
`;
const attributes = encodeAttributes(
  new MapBag([
    ['context.protocol', 'http'],
    ['destination.namespace', 'shop'],
    ['destination.labels', new Map([['app', 'cart']])],
    ['request.method', 'GET'],
    ['request.path', '/1/7'],
    ['request.host', 'cart'],
  ]),
);
const peer = { spiffeId: undefined, certificate: undefined, address: '127.0.0.1', port: 1, unix: undefined };

const revisions = new Revisions({}, systemClock, { load: () => undefined, save: () => undefined });
const check = createCheck({
  revisions,
  newId: () => 'id',
  onDecided: () => undefined,
  onFailed: (error) => {
    throw error;
  },
});
const old: { readonly name: string; readonly held: WeakRef<object> }[] = [];

async function replace(version: number): Promise<void> {
  const texts = Array.from({ length: 500 }, (_, i) => policy(i, version));
  // Of one namespace nothing changes: what it takes over must not hold the rest.
  const same = policy(1, 0).replace('namespace: shop', 'namespace: bank');
  await revisions.apply([
    { name: 'a.yaml', text: texts.join('---\n') },
    { name: 'b.yaml', text: same },
  ]);
  const bank = { namespace: 'bank', name: '', serviceAccount: '', labels: new Map(), gateway: false, services: [] };
  const { http } = revisions.current?.program.forWorkload(bank) ?? {};
  if (http === undefined) throw new Error('it is in force');
  await check({ attributes, globalWordCount: 222, deduplicationId: '', quotas: new Map() }, { peer });
  const { current } = revisions;
  if (current === undefined || version === 4) return;
  const [document] = current.set.documents;
  const parts = { revision: current, program: current.program, set: current.set, document };
  for (const [part, value] of Object.entries(parts))
    if (value !== undefined) old.push({ name: `${part} ${version}`, held: new WeakRef(value) });
}

for (const version of [1, 2, 3, 4]) await replace(version);

/** What a WeakRef gave out lives to the end of the turn, and some caches are let go a turn later. */
function* collecting(): Generator<undefined, void, undefined> {
  for (let i = 0; i < 10; i++) {
    globalThis.gc?.();
    yield;
  }
}
await inSlices(collecting(), { sliceMs: 0 });
const alive = old.filter(({ held }) => held.deref() !== undefined).map(({ name }) => name);
process.stdout.write(JSON.stringify({ revision: revisions.current?.number, alive }));
