import { denialStatus, grpcStatus } from '#proto/errors/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import type { Workload } from '../compile/select.ts';
import { decide } from '../decide/decide.ts';
import type { Evidence } from '../decide/evidence.ts';
import { mtlsModeFor, policiesInForce } from '../decide/in-force.ts';
import { gatherEvidence } from '../decide/requirements.ts';
import type { Verdict } from '../decide/verdict.ts';
import { inlineKeysOnly } from '../tokens/keys.ts';
import { bagOf } from './case-bag.ts';
import type { Suite } from './load-suite.ts';
import type { Request } from './request-shape.ts';
import type { CaseText, WorkloadText } from './suite-shape.ts';
import { verifiedToken } from './verified-token.ts';

/** One case, decided: everything an expectation may ask about. */
export interface Decided {
  readonly bag: AttributeBag;
  readonly evidence: Evidence;
  readonly workload: Workload;
  readonly verdict: Verdict;
  readonly selected: readonly string[];
  readonly mtls: string;
  readonly grpcStatus: number;
}

/** `nowMs`: the time for cases that fix none. */
export async function decideCase(suite: Suite, { value }: CaseText, nowMs: number): Promise<Decided> {
  const { program, mesh } = suite;
  const workload = workloadOf(suite.text.workload, value.workload);
  const bag = bagOf(value.request, workload, mesh);
  const evidence = await gatherEvidence(program, bag, {
    keys: inlineKeysOnly,
    nowMs: timeOf(value.request) ?? nowMs,
    ask: ({ name }) => {
      const answer = value.providers.get(name);
      return answer === undefined ? Promise.reject(new Error('unknown provider')) : Promise.resolve(answer);
    },
  });
  const { jwt } = value.request;
  const tokens =
    jwt === undefined ? evidence.tokens : verifiedToken(jwt, program.forWorkload(workload).tokens, value.request);
  const known: Evidence = { ...evidence, tokens };
  const verdict = decide(program, bag, known);
  return {
    bag,
    evidence: known,
    workload,
    verdict,
    selected: policiesInForce(program, workload),
    mtls: mtlsModeFor(program, workload, value.request.destination?.port ?? -1),
    grpcStatus: verdict.status === 200 ? grpcStatus.OK : denialStatus(verdict.status),
  };
}

const defaults: Workload = {
  namespace: 'default', name: 'workload', serviceAccount: 'default', labels: new Map(), gateway: false, services: [],
}; // prettier-ignore

/** The suite's workload, with what the case says instead. */
function workloadOf(suite: WorkloadText | undefined, own: WorkloadText | undefined): Workload {
  const pick = <K extends keyof Workload & keyof WorkloadText>(key: K): Workload[K] =>
    (own?.[key] ?? suite?.[key] ?? defaults[key]) as Workload[K];
  return {
    namespace: pick('namespace'),
    name: pick('name'),
    serviceAccount: pick('serviceAccount'),
    labels: pick('labels'),
    gateway: pick('gateway'),
    services: pick('services'),
  };
}

function timeOf({ time }: Request): number | undefined {
  return time === undefined ? undefined : Date.parse(time);
}
