import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AttributeBag } from '#proto/attributes/index.ts';
import { compile, decide, pathOnly } from '#policies/index.ts';
import { corpus, requests } from '#test/bench/decide-corpus.ts';
import { summary } from '#test/bench/harness.ts';
import type { Measurement } from '#test/bench/harness.ts';
import type { Built } from './build-go.ts';

const version = 'v0.55.0';

/**
 * Cerbos answers as a server only, so this is the time of a question over HTTP on a unix socket, one at a time: to be
 * compared with Check, not with decide. `CERBOS` names a program that is there already; else it is built, which takes minutes.
 */
export async function measureCerbos(
  sizes: readonly number[],
  ms: number,
): Promise<Measurement[] | { readonly missing: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gcb-'));
  try {
    const given = process.env['CERBOS'];
    const built = given === undefined ? buildCerbos(path.join(folder, 'cerbos')) : { program: given };
    if ('missing' in built) return built;
    const results: Measurement[] = [];
    for (const rules of sizes)
      results.push(await measureAt(built.program, path.join(folder, String(rules)), rules, ms));
    return results;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function buildCerbos(program: string): Built {
  const run = (args: string[], cwd: string): string =>
    execFileSync('go', args, {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, GOWORK: 'off', GOFLAGS: '-buildvcs=false' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 900_000,
    });
  try {
    const told = run(['mod', 'download', '-json', `github.com/cerbos/cerbos@${version}`], path.dirname(program));
    run(['build', '-o', program, './cmd/cerbos'], (JSON.parse(told) as { Dir: string }).Dir);
    return { program };
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    const last = stderr?.trim().split('\n').at(-1);
    return { missing: code === 'ENOENT' ? 'there is no `go` on the path' : `go build: ${last ?? String(code)}` };
  }
}

async function measureAt(program: string, folder: string, rules: number, ms: number): Promise<Measurement> {
  const socketPath = path.join(folder, 'http');
  mkdirSync(path.join(folder, 'policies'), { recursive: true });
  writeFileSync(path.join(folder, 'policies', 'route.json'), JSON.stringify(policyOf(rules)));
  const settings = {
    server: { httpListenAddr: `unix:${socketPath}`, grpcListenAddr: `unix:${path.join(folder, 'grpc')}` },
    storage: { driver: 'disk', disk: { directory: path.join(folder, 'policies'), watchForChanges: false } },
    telemetry: { disabled: true },
  };
  writeFileSync(path.join(folder, 'settings.json'), JSON.stringify(settings));
  const server = spawn(program, ['server', `--config=${path.join(folder, 'settings.json')}`, '--log-level=error'], {
    stdio: 'ignore',
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (body: string): Promise<string> => post(socketPath, agent, body);
  try {
    const bags = requests(rules, 64);
    const bodies = bags.map(bodyOf);
    await untilUp(() => ask(bodies[0] ?? ''));
    const ours = compile(corpus('principals', rules), 1);
    for (const [i, bag] of bags.entries()) {
      const allowed = (await ask(bodies[i] ?? '')).includes('EFFECT_ALLOW');
      if (allowed !== (decide(ours, bag).effect === 'allow'))
        throw new Error(`Cerbos and garrison differ on request ${i}`);
    }
    const latencies: number[] = [];
    const begin = performance.now();
    for (let i = 0; performance.now() - begin < ms; i++) {
      const start = performance.now();
      await ask(bodies[i & 63] ?? '');
      latencies.push((performance.now() - start) * 1_000);
    }
    const name = `Cerbos over HTTP on a unix socket, principals, ${rules} policies`;
    return summary(name, latencies.slice(latencies.length >> 2), latencies.length, performance.now() - begin);
  } finally {
    agent.destroy();
    const ended = once(server, 'exit');
    server.kill();
    await ended;
  }
}

/** One resource policy with one rule for each of ours. */
function policyOf(rules: number): unknown {
  return {
    apiVersion: 'api.cerbos.dev/v1',
    resourcePolicy: {
      version: 'default',
      resource: 'route',
      rules: Array.from({ length: rules }, (_, i) => ({
        actions: ['GET'],
        effect: i % 5 === 4 ? 'EFFECT_DENY' : 'EFFECT_ALLOW',
        roles: ['caller'],
        condition: {
          match: { expr: `P.id == "cluster.local/ns/team-${i}/sa/client-${i}" && R.attr.path.startsWith("/api/")` },
        },
      })),
    },
  };
}

function bodyOf(bag: AttributeBag): string {
  const [id, method, raw] = ['source.principal', 'request.method', 'request.path'].map((name) => bag.get(name));
  const resource = { kind: 'route', id: 'r', attr: { path: typeof raw === 'string' ? pathOnly(raw) : '' } };
  return JSON.stringify({ principal: { id, roles: ['caller'] }, resources: [{ actions: [method], resource }] });
}

function post(socketPath: string, agent: Agent, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = request({ socketPath, path: '/api/check/resources', method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`Cerbos answers ${String(response.statusCode)}: ${text.slice(0, 200)}`));
      });
    });
    call.on('error', reject);
    call.end(body);
  });
}

async function untilUp(ask: () => Promise<unknown>): Promise<void> {
  for (let attempts = 1; ; attempts++) {
    try {
      await ask();
      return;
    } catch (error) {
      if (attempts === 300) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
