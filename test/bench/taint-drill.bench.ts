// node test/bench/taint-drill.bench.ts [--workloads 10000] [--nodes 20]
// The drill for the day a root is no longer to be trusted: how long until every workload of every node holds another
// certificate, under a new root, pushed to it on a stream that it holds open.
import { parseArgs } from 'node:util';
import { processorMs, publish, residentMiB, summary } from '#test/bench/harness.ts';
import { Holder, NodeMesh } from '#test/bench/node-mesh.ts';

const { values } = parseArgs({
  options: { workloads: { type: 'string', default: '10000' }, nodes: { type: 'string', default: '20' } },
  strict: false,
});
const [workloads, count] = [Number(values.workloads), Number(values.nodes)];
const each = Math.ceil(workloads / count);
const nodes = Array.from({ length: count }, (_, at) => `node${at}`);

using mesh = new NodeMesh();
for (const node of nodes) mesh.writeNode(node, each);
await mesh.startAuthority();
const half = Math.ceil(count / 2);
const sockets = (
  await Promise.all([mesh.startAgents(nodes.slice(0, half)), mesh.startAgents(nodes.slice(half))])
).flat();

const opened = performance.now();
const holders = sockets.map((socket) => new Holder(socket));
await Promise.all(holders.map((holder) => holder.until(({ svids }) => svids.length === each)));
const firstMs = performance.now() - opened;

const next = await mesh.change('prepare');
await Promise.all(holders.map((holder) => holder.until(({ svids }) => (svids[0]?.bundle.length ?? 0) > 700)));
await mesh.change('activate', next.id);
const spent = await mesh.authorityIn('old');
const before = new Set(holders.flatMap(({ last }) => last?.svids.map(keyOf) ?? []));
const processorBefore = mesh.children.map(processorMs);

const begun = performance.now();
await mesh.change('taint', spent);
const finished = await Promise.all(
  holders.map((holder) => holder.until(({ svids }) => svids.every((svid) => !before.has(keyOf(svid))))),
);
const totalMs = Math.max(...finished) - begun;
const processor = mesh.children.map((child, at) => processorMs(child) - (processorBefore[at] ?? 0));
const latencies = finished.map((at) => (at - begun) * 1000);
publish('taint-drill', [summary('node: every workload has another certificate', latencies, before.size, totalMs)], {
  workloads: before.size,
  nodes: count,
  reissuedInSeconds: seconds(totalMs),
  reissuedPerSecond: Math.round((before.size * 1000) / totalMs),
  firstIssueInSeconds: seconds(firstMs),
  processorSeconds: { authority: seconds(processor[0] ?? 0), agents: processor.slice(1).map(seconds) },
  residentMiB: {
    authority: mesh.children.slice(0, 1).map(residentMiB),
    agents: mesh.children.slice(1).map(residentMiB),
  },
});
mesh[Symbol.dispose]();
process.exit(0);

/** Another certificate has another key: every one is made anew. */
function keyOf({ x509SvidKey }: { readonly x509SvidKey: Buffer }): string {
  return x509SvidKey.toString('base64');
}

function seconds(ms: number): number {
  return Number((ms / 1000).toFixed(2));
}
