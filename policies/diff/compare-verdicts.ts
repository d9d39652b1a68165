import type { Place } from '#schema/index.ts';
import { decideCase } from '../cases/index.ts';
import type { Suite } from '../cases/index.ts';
import type { Program } from '../compile/program.ts';
import type { Verdict } from '../decide/verdict.ts';

export interface VerdictReport {
  readonly effect: 'allow' | 'deny';
  readonly status: number;
  readonly policy: string;
  readonly rule: number | null;
  readonly reason: string;
}

/** One request, decided by both sets of documents. */
export interface VerdictChange {
  readonly file: string;
  readonly suite: string;
  readonly case: string;
  readonly place: Place;
  /** Effect or status differ. That another policy of the same effect decided is no change for anybody who calls. */
  readonly changed: boolean;
  readonly before: VerdictReport;
  readonly after: VerdictReport;
  /** The side that the case expects, where it expects either. */
  readonly better: 'before' | 'after' | undefined;
}

/** Decides each request of a suite twice; what the suite's own documents say of it does not matter. */
export async function* compareVerdicts(
  suite: Suite,
  before: Program,
  after: Program,
  nowMs: number,
): AsyncGenerator<VerdictChange> {
  for (const each of suite.text.cases) {
    const verdictBy = async (program: Program): Promise<Verdict> =>
      (await decideCase({ ...suite, program }, each, nowMs)).verdict;
    const [a, b] = await Promise.all([verdictBy(before), verdictBy(after)]);
    const changed = a.effect !== b.effect || a.status !== b.status;
    const { verdict } = each.value.expect;
    yield {
      file: suite.file,
      suite: suite.text.suite,
      case: each.value.name,
      place: each.node.place,
      changed,
      before: report(a),
      after: report(b),
      better: verdict === undefined || a.effect === b.effect ? undefined : verdict === a.effect ? 'before' : 'after',
    };
  }
}

function report({ effect, status, policy, rule, reason }: Verdict): VerdictReport {
  return { effect, status, policy, rule: rule ?? null, reason };
}
