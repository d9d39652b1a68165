// node test/bench/revision.bench.ts [--quick]
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encodeAttributes } from '#proto/attributes/index.ts';
import { CheckRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { requests } from '#test/bench/decide-corpus.ts';
import type { Replaced } from '#test/bench/revision-server.ts';

/**
 * Checks come at a steady rate, whether or not the earlier ones are answered, while a revision of 10,000 policies is replaced
 * by another. Client and server are two processes. The time of a check runs from when it was due.
 */
const quick = process.argv.includes('--quick');
const policies = 10_000;
const files = 100;
const perFile = policies / files;
const perSecond = 1_000;
const rounds = quick ? 2 : 8;

interface Change {
  /** So many files of the hundred say something else in every version: the last ones. */
  readonly changed: number;
  /** Each file is of a namespace of its own, the first of the one that is asked about; else all are of that. */
  readonly spread: boolean;
}

/** Writes what a version says otherwise than the one before it; of the first all hundred files, of a hundred policies each. */
function writeVersion(version: number, folder: string, { changed, spread }: Change): void {
  for (let file = version === 0 ? 0 : files - changed; file < files; file++) {
    const namespace = spread && file > 0 ? `team-${file}` : 'shop';
    const texts = Array.from({ length: perFile }, (_, i) => policyText(file * perFile + i, version, namespace));
    writeFileSync(path.join(folder, `${String(file).padStart(3, '0')}.yaml`), texts.join('---\n'));
  }
}

function policyText(i: number, version: number, namespace: string): string {
  const other = (i * 7 + version) % policies;
  const path = [`/api/${i}`, `/api/${i}/*`, `"*/item-${i}"`][i % 3] ?? '';
  const when = i % 5 === 0 ? `\n      when: [{ key: "request.headers[x-tenant]", values: [t-${i % 50}] }]` : '';
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p-${String(i).padStart(6, '0')}, namespace: ${namespace} }
spec:
  action: ${i % 5 === 4 ? 'DENY' : 'ALLOW'}
  rules:
    - from: [{ source: { principals: [cluster.local/ns/team-${i}/sa/client-${i}, cluster.local/ns/team-${other}/sa/client-${other}] } }]
      to: [{ operation: { methods: [${['GET', 'PUT', 'POST', 'DELETE'][i % 4] ?? ''}], paths: [${path}] } }]${when}
`;
}

const framed = requests(policies, 64).map((bag) => {
  const request = { attributes: encodeAttributes(bag), globalWordCount: 222, deduplicationId: 'd', quotas: new Map() };
  const bytes = CheckRequest.encode(request).finish();
  const frame = Buffer.concat([Buffer.alloc(5), bytes]);
  frame.writeUInt32BE(bytes.length, 1);
  return frame;
});

interface Asked {
  readonly dueNs: bigint;
  readonly us: number;
}

/** Asks at the rate until told to stop. */
class SteadyClient {
  readonly asked: Asked[] = [];
  readonly #session: ClientHttp2Session;
  #stopped = false;

  constructor(port: number) {
    // What is under way when the server is ended counts no more.
    this.#session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1 << 20 } });
  }

  async run(): Promise<void> {
    this.#session.on('error', (error) => {
      if (!this.#stopped) throw error;
    });
    const stepNs = BigInt(Math.round(1e9 / perSecond));
    let due = process.hrtime.bigint();
    let count = 0;
    while (!this.#stopped) {
      for (; due <= process.hrtime.bigint(); due += stepNs) this.#ask(due, framed[count++ & 63] ?? Buffer.alloc(0));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#session.close();
  }

  #ask(dueNs: bigint, frame: Buffer): void {
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': '/istio.mixer.v1.Mixer/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('close', () => this.asked.push({ dueNs, us: Number(process.hrtime.bigint() - dueNs) / 1_000 }));
    stream.on('error', (error) => {
      if (!this.#stopped) throw error;
    });
    stream.resume().end(frame);
  }
}

async function tell(server: ChildProcess, message: object): Promise<Replaced> {
  const answered = once(server, 'message') as Promise<[Replaced]>;
  server.send(message);
  const [answer] = await answered;
  return answer;
}

const spread = (values: readonly number[]): Record<string, number> => {
  const inOrder = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(inOrder[Math.min(inOrder.length - 1, Math.floor(inOrder.length * share))] ?? NaN);
  return { p50: at(0.5), p99: at(0.99), max: at(1), calls: inOrder.length };
};

/** The p99 of ten seconds in which a revision is replaced once: what a monitor shows. */
function ofTenSeconds(before: readonly number[], during: readonly number[], duringMs: number): number {
  const weight = (10_000 - duringMs) / duringMs / (before.length / during.length);
  const weighed = [...before.map((us) => ({ us, weight })), ...during.map((us) => ({ us, weight: 1 }))];
  let left = 0.01 * (before.length * weight + during.length);
  for (const each of weighed.sort((a, b) => b.us - a.us)) if ((left -= each.weight) <= 0) return Math.round(each.us);
  return NaN;
}

async function measured(name: string, kind: 'slices' | 'whole', change: Change, execArgv: readonly string[]) {
  const folder = mkdtempSync(path.join(tmpdir(), 'garrison-revision-'));
  writeVersion(0, folder, change);
  const server = fork(path.join(import.meta.dirname, 'revision-server.ts'), [kind, folder], {
    execArgv: [...execArgv],
  });
  const [{ port }] = (await once(server, 'message')) as [{ port: number }];
  await tell(server, {});
  const client = new SteadyClient(port);
  const running = client.run();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const phases: Record<
    'before' | 'during',
    { asked: number[]; served: number[]; ms: number[]; pauses: number[]; slices: number[] }
  > = {
    before: { asked: [], served: [], ms: [], pauses: [], slices: [] },
    during: { asked: [], served: [], ms: [], pauses: [], slices: [] },
  };
  // In turn, so that what else the machine does falls on both.
  for (let round = 1; round <= rounds; round++) {
    for (const phase of ['before', 'during'] as const) {
      if (phase === 'during') writeVersion(round, folder, change);
      const told = await tell(server, phase === 'before' ? { idleMs: 1_000 } : {});
      const [began, ended] = [BigInt(told.beganNs), BigInt(told.endedNs)];
      await new Promise((resolve) => setTimeout(resolve, 300));
      const into = phases[phase];
      into.ms.push(Number(ended - began) / 1e6);
      into.pauses.push(...told.pausesMs);
      for (const us of told.slicesUs) into.slices.push(us);
      for (const us of told.servedUs) into.served.push(us);
      for (const { dueNs, us } of client.asked) if (dueNs >= began && dueNs <= ended) into.asked.push(us);
      client.asked.length = 0;
    }
  }
  client.stop();
  await running;
  server.kill();
  rmSync(folder, { recursive: true });
  const phase = ({ asked, served, ms, pauses, slices }: (typeof phases)['before']): Record<string, unknown> => ({
    checkUs: spread(asked),
    handlerUs: spread(served),
    ms: spread(ms)['p50'],
    ...(slices.length > 0 && { sliceUs: spread(slices) }),
    collectorPauses: { count: pauses.length, longestMs: Number(Math.max(0, ...pauses).toFixed(1)) },
  });
  const p99 = (values: readonly number[]): number => spread(values)['p99'] ?? NaN;
  return {
    name,
    before: phase(phases.before),
    during: phase(phases.during),
    checkP99UsOfTenSeconds: ofTenSeconds(
      phases.before.asked,
      phases.during.asked,
      spread(phases.during.ms)['p50'] ?? NaN,
    ),
    p99Ratio: {
      check: Number((p99(phases.during.asked) / p99(phases.before.asked)).toFixed(2)),
      handler: Number((p99(phases.during.served) / p99(phases.before.served)).toFixed(2)),
    },
  };
}

const all: Change = { changed: files, spread: false };
const one: Change = { changed: 1, spread: false };
const oneElsewhere: Change = { changed: 1, spread: true };
// As bin/garrison.js sets it.
const small = ['--max-semi-space-size=1'];
const results = [
  await measured('in slices, every policy changed', 'slices', all, small),
  await measured('in slices, one file of a hundred changed', 'slices', one, small),
  await measured('in slices, one file of a hundred namespaces changed', 'slices', oneElsewhere, small),
  await measured('in slices, every policy changed, young generation as Node has it', 'slices', all, []),
  await measured('at once, every policy changed, young generation as Node has it', 'whole', all, []),
];
process.stdout.write(
  `${JSON.stringify({ bench: 'revision', node: process.version, policies, perSecond, rounds, results }, null, 2)}\n`,
);
