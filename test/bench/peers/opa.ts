import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compile, decide, pathOnly } from '#policies/index.ts';
import { corpus, requests } from '#test/bench/decide-corpus.ts';
import type { Measurement } from '#test/bench/harness.ts';
import { buildGo } from './build-go.ts';

interface Told {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly samples: number;
  readonly prepareMs: number;
  readonly allowed: readonly boolean[];
}

export interface OpaMeasurement extends Measurement {
  readonly prepareMs: number;
}

/** Open Policy Agent as a Go library, on the corpus of principals, paths and methods; or why it could not be measured. */
export function measureOpa(sizes: readonly number[], seconds: number): OpaMeasurement[] | { readonly missing: string } {
  const built = buildGo(path.join(import.meta.dirname, 'opa'));
  if ('missing' in built) return built;
  try {
    return sizes.map((rules) => measureAt(built.program, rules, seconds));
  } finally {
    rmSync(path.dirname(built.program), { recursive: true });
  }
}

function measureAt(program: string, rules: number, seconds: number): OpaMeasurement {
  const bags = requests(rules, 64);
  const inputs = bags.map((bag) => ({
    principal: bag.get('source.principal'),
    method: bag.get('request.method'),
    path: pathOnly(textOf(bag.get('request.path'))),
  }));
  const folder = mkdtempSync(path.join(tmpdir(), 'garrison-opa-'));
  try {
    const file = path.join(folder, 'corpus.json');
    writeFileSync(file, JSON.stringify({ policy: regoOf(rules), query: 'data.corpus.verdict', data: {}, inputs }));
    const told = JSON.parse(execFileSync(program, [file, String(seconds)], { encoding: 'utf8' })) as Told;
    const ours = compile(corpus('principals', rules), 1);
    const differs = bags.findIndex((bag, i) => (decide(ours, bag).effect === 'allow') !== told.allowed[i]);
    if (differs >= 0) throw new Error(`OPA and garrison differ on request ${differs} of ${rules} rules`);
    const { p50Us, p99Us, samples, prepareMs } = told;
    const perSecond = Math.round(1_000_000 / p50Us);
    return { name: `OPA, principals, ${rules} policies`, perSecond, p50Us, p99Us, samples, prepareMs };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** One rule for each policy, written so that OPA's rule index finds it by the principal: its best case. */
function regoOf(rules: number): string {
  const lines = Array.from(
    { length: rules },
    (_, i) =>
      `${i % 5 === 4 ? 'deny' : 'allow'} if { input.principal == "cluster.local/ns/team-${i}/sa/client-${i}"; input.method == "GET"; startswith(input.path, "/api/") }`,
  );
  return [
    'package corpus',
    'default allow := false',
    'default deny := false',
    'default verdict := false',
    'verdict if { allow; not deny }',
    ...lines,
  ].join('\n');
}
