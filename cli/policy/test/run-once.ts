import { Coverage, runSuite } from '#policies/cases/index.ts';
import type { CaseResult } from '#policies/cases/index.ts';
import { describeFault } from '#schema/index.ts';
import type { Output } from '../../output.ts';
import type { ExitCode } from '../../verb.ts';
import { faultAnnotation, faultJson } from '../fault-text.ts';
import type { ChosenProfiles } from '../profile-flag.ts';
import { caseText } from './case-text.ts';
import { coverageJson, coverageText } from './coverage-text.ts';
import { findSuites } from './find-suites.ts';
import type { FoundSuites } from './find-suites.ts';
import { junit } from './junit.ts';

export interface TestRun {
  readonly paths: readonly string[];
  readonly cwd: string;
  readonly profiles: ChosenProfiles;
  readonly coverage: boolean;
  readonly form: string;
  readonly nowMs: number;
}

export type Ran = Pick<FoundSuites, 'named' | 'read'> & { readonly code: ExitCode };

/** Runs every case once and writes what came of it. */
export async function runOnce(run: TestRun, output: Output): Promise<Ran> {
  const found = await findSuites(run.paths, run.cwd, run.profiles);
  const coverage = new Coverage();
  const results: CaseResult[] = [];
  for (const suite of found.suites) {
    if (run.form === 'tree') output.result({}, `${suite.text.suite}  (${suite.file})`);
    coverage.addSuite(suite);
    for await (const result of runSuite(suite, run.nowMs)) {
      if (run.coverage && result.decided !== undefined) coverage.addCase(suite, result.decided);
      results.push(result);
      writeCase(result, run.form, output);
    }
  }
  for (const { file, faults } of found.unreadable) writeUnreadable(file, faults, run.form, output);
  if (run.form === 'junit') output.result({}, junit(results, found.unreadable));
  if (run.coverage)
    output.result(coverageJson(coverage.rules), run.form === 'tree' ? coverageText(coverage.rules) : '');
  const failed = results.filter((result) => !result.ok).length;
  output.note(summary(results.length, failed, found));
  const { named, read } = found;
  return { code: found.unreadable.length > 0 ? 2 : failed > 0 ? 1 : 0, named, read };
}

function writeCase(result: CaseResult, form: string, output: Output): void {
  const { file, suite, case: name, section, place, ok, expected, actual } = result;
  if (form === 'json') output.result({ file, suite, case: name, ok, expected, actual, section, line: place.line }, '');
  else if (form === 'tree') output.result({}, caseText(result));
  else if (form === 'github' && !ok) {
    const reason = result.differences.map(
      (each) => `${each.what}: expected ${JSON.stringify(each.expected)}, got ${JSON.stringify(each.actual)}`,
    );
    output.result(
      {},
      faultAnnotation({ severity: 'error', place, field: name, reason: reason.join('; '), fix: undefined }),
    );
  }
}

function writeUnreadable(
  file: string,
  faults: FoundSuites['unreadable'][number]['faults'],
  form: string,
  output: Output,
): void {
  if (form === 'json') output.result({ file, ok: false, faults: faults.map(faultJson) }, '');
  else if (form === 'github') for (const fault of faults) output.result({}, faultAnnotation(fault));
  if (form !== 'github') for (const fault of faults) output.note(describeFault(fault));
}

function summary(cases: number, failed: number, { suites, unreadable }: FoundSuites): string {
  const parts = [`${cases - failed} of ${cases} cases as expected in ${suites.length} suites`];
  if (unreadable.length > 0) parts.push(`${unreadable.length} files cannot be run`);
  return parts.join(', ');
}
