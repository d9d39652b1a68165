// node test/bench/agent-push.bench.ts [--rounds 10] [--registrations 0]
// How long a change takes to reach a workload that holds a stream at its node's agent: a new registration (from the moment
// its file is written), certificates under a tainted authority, a revoked root. With `--registrations` the documents hold
// that many others besides.
import { parseArgs } from 'node:util';
import { splitDer } from '#ca/der/split.ts';
import type { X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { publish, residentMiB, summary } from '#test/bench/harness.ts';
import { Holder, NodeMesh, workload } from '#test/bench/node-mesh.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '10' }, registrations: { type: 'string', default: '0' } },
  strict: false,
});
const [rounds, others] = [Number(values.rounds), Number(values.registrations)];

using mesh = new NodeMesh();
mesh.writeNode('node', 1);
if (others > 0) mesh.writeNode('elsewhere', others);
await mesh.startAuthority();
const [socket = ''] = await mesh.startAgents(['node']);
const holder = new Holder(socket);
await holder.until(({ svids }) => svids.length === 1);

const usable: number[] = [];
const gone: number[] = [];
for (let at = 0; at < rounds; at += 1) {
  usable.push(
    await timed(
      () => mesh.writePolicy('new', workload('node', `new${at}`)),
      ({ svids }) => svids.some(({ spiffeId }) => spiffeId.endsWith(`/new${at}`)),
    ),
  );
  gone.push(
    await timed(
      () => mesh.writePolicy('new', ''),
      ({ svids }) => svids.length === 1,
    ),
  );
}

const replaced: number[] = [];
const revoked: number[] = [];
for (let at = 0; at < rounds; at += 1) {
  const next = await mesh.change('prepare');
  await holder.until((message) => rootsOf(message) === 2);
  await mesh.change('activate', next.id);
  const spent = await mesh.authorityIn('old');
  const before = serialsOf(holder.last);
  replaced.push(
    await timed(
      () => mesh.change('taint', spent),
      (message) => serialsOf(message) !== before,
    ),
  );
  revoked.push(
    await timed(
      () => mesh.change('revoke', spent),
      (message) => rootsOf(message) === 1,
    ),
  );
}
const one = (name: string, latencies: readonly number[]): ReturnType<typeof summary> =>
  summary(name, latencies, latencies.length, latencies.reduce((sum, us) => sum + us, 0) / 1000);
publish(
  'agent-push',
  [
    one('a new registration is usable', usable),
    one('a registration is gone', gone),
    one('under a tainted authority: replaced', replaced),
    one('a revoked root is gone', revoked),
  ],
  { registrations: others + 1, residentMiB: mesh.children.map(residentMiB) },
);
mesh[Symbol.dispose]();
process.exit(0);

/** Microseconds from before the change until the stream has told of it. */
async function timed(change: () => unknown, holds: (message: X509SVIDResponse) => boolean): Promise<number> {
  const begun = performance.now();
  const told = holder.until(holds);
  await change();
  return ((await told) - begun) * 1000;
}

function rootsOf({ svids: [svid] }: X509SVIDResponse): number {
  return splitDer(svid?.bundle ?? Buffer.alloc(0), 'bundle').length;
}

function serialsOf(message: X509SVIDResponse | undefined): string {
  return message?.svids.map(({ x509SvidKey }) => x509SvidKey.toString('base64')).join(' ') ?? '';
}
