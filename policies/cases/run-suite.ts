import type { Place } from '#schema/index.ts';
import { normalizePath, isAmbiguous, pathOnly } from '../decide/normalize-path.ts';
import { compare } from './compare.ts';
import type { Difference } from './compare.ts';
import { decideCase } from './decide-case.ts';
import type { Decided } from './decide-case.ts';
import { checkInvalid } from './check-invalid.ts';
import type { Suite } from './load-suite.ts';
import type { NormalizationText } from './suite-shape.ts';

/** What came of one case, of whichever section. */
export interface CaseResult {
  readonly file: string;
  readonly suite: string;
  readonly case: string;
  readonly section: 'cases' | 'invalid' | 'normalization';
  readonly place: Place;
  readonly ok: boolean;
  readonly expected: unknown;
  readonly actual: unknown;
  readonly differences: readonly Difference[];
  /** Of a request: who decided, and where that stands. */
  readonly decided: Decided | undefined;
}

/** Runs all cases of a suite in the order of the file. */
export async function* runSuite(suite: Suite, nowMs: number): AsyncGenerator<CaseResult> {
  const { file, text } = suite;
  const about = { file, suite: text.suite };
  for (const each of text.cases) {
    const decided = await decideCase(suite, each, nowMs);
    const { expected, actual, differences } = compare(each.value.expect, decided);
    const ok = differences.length === 0;
    const { name } = each.value;
    yield {
      ...about,
      case: name,
      section: 'cases',
      place: each.node.place,
      ok,
      expected,
      actual,
      differences,
      decided,
    };
  }
  for (const each of text.invalid) {
    const checked = checkInvalid(each.value, suite.mesh, suite.cedar);
    yield {
      ...about,
      case: each.value.name,
      section: 'invalid',
      place: each.node.place,
      decided: undefined,
      ...checked,
    };
  }
  for (const { node, value } of text.normalization) {
    const actual = normalized(value, suite.mesh.profile === 'strict');
    const ok = actual === value.expect;
    const differences = ok ? [] : [{ what: 'path', expected: value.expect, actual }];
    const name = `${value.level} ${value.path}`;
    const { expect: expected } = value;
    yield {
      ...about,
      case: name,
      section: 'normalization',
      place: node.place,
      ok,
      expected,
      actual,
      differences,
      decided: undefined,
    };
  }
}

/** The path as the level makes it, with its query where that is asked about. Strict refuses a path of two readings. */
function normalized({ level, path, expect }: NormalizationText['value'], strict: boolean): string | number {
  const bare = pathOnly(path);
  if (typeof expect === 'number' && strict && isAmbiguous(bare)) return 400;
  const result = normalizePath(level, bare);
  if (result === undefined) return 400;
  return typeof expect === 'string' && /[?#]/.test(expect) ? result + path.slice(bare.length) : result;
}
