// node --expose-gc test/bench/decide.bench.ts [--baseline FILE] [--quick] [--peers]
// `--peers` also builds OPA and Cerbos, with `go` from the Go module proxy: some minutes the first time.
import { newEnforcer, newModelFromString, StringAdapter } from 'casbin';
import { cedarRequest, printCedar } from '#policies/cedar/index.ts';
import { wasmCedar } from '#policies/cedar/wasm-engine.ts';
import { Facts } from '#policies/decide/facts.ts';
import { compile, decide, workloadOf } from '#policies/index.ts';
import type { Program } from '#policies/index.ts';
import { corpus, requests, shapes } from '#test/bench/decide-corpus.ts';
import type { Shape } from '#test/bench/decide-corpus.ts';
import { measureCerbos } from '#test/bench/peers/cerbos.ts';
import { measureOpa } from '#test/bench/peers/opa.ts';
import { measure, publish, summary } from '#test/bench/harness.ts';
import type { Measurement } from '#test/bench/harness.ts';

const quick = process.argv.includes('--quick');
const sizes = quick ? [10, 1_000, 10_000] : [10, 1_000, 10_000, 100_000];
/** A decoder leaves a bag in the processor's cache, so few bags stand for many requests better than many cold ones. */
const bagsInFlight = 64;

const results: Measurement[] = [];
const compiling: Record<string, unknown>[] = [];

for (const shape of shapes) for (const rules of sizes) results.push(...decideAt(shape, rules));
for (const rules of quick ? [10] : [10, 100, 1_000]) results.push(cedarAt(rules));
for (const rules of quick ? [10] : [10, 1_000, 10_000]) results.push(await casbinAt(rules));

/** Peers that are no packages of npm are built from their own sources, where that can be done here. */
const others: Record<string, unknown> = {};
if (process.argv.includes('--peers')) {
  const opa = measureOpa(quick ? [10] : [10, 1_000, 10_000], 2);
  if ('missing' in opa) others['OPA'] = `not measured: ${opa.missing}`;
  else {
    others['OPA'] = { prepareMs: Object.fromEntries(opa.map(({ name, prepareMs }) => [name, prepareMs])) };
    results.push(...opa);
  }
  const cerbos = await measureCerbos(quick ? [10] : [10, 1_000], 3_000);
  if ('missing' in cerbos) others['Cerbos'] = `not measured: ${cerbos.missing}`;
  else results.push(...cerbos);
}

publish('decide', results, { compiling, ratios: ratios(), others });

function decideAt(shape: Shape, rules: number): Measurement[] {
  const program = compileMeasured(shape, rules);
  const bags = requests(rules, bagsInFlight);
  let i = 0;
  const one = (): unknown => decide(program, bags[i++ & (bagsInFlight - 1)]!).effect;
  const name = `decide, ${shape}, ${rules} rules`;
  const many = measure(name, one, { batch: 64, warmUpMs: 500, measureMs: quick ? 300 : 1_000 });
  return [many, singly(`${name}, each call by itself`, one, quick ? 100_000 : 400_000)];
}

/** The tail needs every call's own time; what the clock costs (some 30 ns) is in it. */
function singly(name: string, run: () => unknown, calls: number): Measurement {
  const latencies = new Float64Array(calls);
  const begin = performance.now();
  for (let i = 0; i < calls; i++) {
    const start = performance.now();
    run();
    latencies[i] = (performance.now() - start) * 1_000;
  }
  return summary(name, [...latencies], calls, performance.now() - begin);
}

/** Compiling is done when the first request has been decided: an index is made when its workload is first asked about. */
function compileMeasured(shape: Shape, rules: number): Program {
  const set = corpus(shape, rules);
  const [first] = requests(rules, 1);
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const start = performance.now();
  const program = compile(set, 1);
  decide(program, first!);
  const ms = performance.now() - start;
  globalThis.gc?.();
  const heap = process.memoryUsage().heapUsed - heapBefore;
  compiling.push({
    shape,
    rules,
    ms: Math.round(ms),
    heapBytesPerRule: globalThis.gc === undefined ? null : Math.round(heap / rules),
  });
  return program;
}

function cedarAt(rules: number): Measurement {
  const set = corpus('mixed', rules);
  const program = compile(set, 1);
  const engine = wasmCedar().prepare([{ id: 'corpus', text: printCedar(set).text }], []);
  const asked = requests(rules, 16).map((bag) => {
    const facts = new Facts(bag, program.settings);
    facts.begin();
    decide(program, bag);
    return cedarRequest(facts, workloadOf(bag));
  });
  let i = 0;
  return measure(`cedar-wasm, mixed, ${rules} policies`, () => engine.ask(asked[i++ & 15]!), {
    batch: 1,
    measureMs: 1_000,
  });
}

async function casbinAt(rules: number): Promise<Measurement> {
  const model = newModelFromString(`
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && keyMatch(r.obj, p.obj) && r.act == p.act
`);
  const lines = Array.from(
    { length: rules },
    (_, i) => `p, cluster.local/ns/team-${i}/sa/client-${i}, /api/${i}/*, GET`,
  );
  const enforcer = await newEnforcer(model, new StringAdapter(lines.join('\n')));
  const asked = requests(rules, 16).map((bag) =>
    ['source.principal', 'request.path', 'request.method'].map((name) => bag.get(name)),
  );
  const latencies: number[] = [];
  const begin = performance.now();
  for (let i = 0; performance.now() - begin < 1_500; i++) {
    const start = performance.now();
    enforcer.enforceSync(...asked[i & 15]!);
    latencies.push((performance.now() - start) * 1_000);
  }
  return summary(
    `casbin, principals and paths, ${rules} policies`,
    latencies.slice(latencies.length >> 2),
    latencies.length,
    performance.now() - begin,
  );
}

function ratios(): Record<string, Record<string, number>> {
  const p50 = (shape: Shape, rules: number): number =>
    results.find(({ name }) => name === `decide, ${shape}, ${rules} rules`)?.p50Us ?? NaN;
  return Object.fromEntries(
    shapes.map((shape) => [
      shape,
      Object.fromEntries(
        sizes.slice(1).map((rules) => [`${rules}:10`, Number((p50(shape, rules) / p50(shape, 10)).toFixed(2))]),
      ),
    ]),
  );
}
