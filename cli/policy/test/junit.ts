import type { CaseResult } from '#policies/cases/index.ts';
import { describeFault } from '#schema/index.ts';
import { caseText } from './case-text.ts';
import type { FoundSuites } from './find-suites.ts';

/** The report that build servers read: a suite for each file, a failure for each case that differs, an error for each file that cannot be run. */
export function junit(results: readonly CaseResult[], unreadable: FoundSuites['unreadable']): string {
  const suites = [...Map.groupBy(results, (result) => result.file)].map(([file, cases]) => suiteElement(file, cases));
  const broken = unreadable.map(({ file, faults }) => {
    const text = faults.map(describeFault).join('\n');
    const inner = `<testcase name=${attribute(file)} classname=${attribute(file)}><error message="cannot be read">${escape(text)}</error></testcase>`;
    return `  <testsuite name=${attribute(file)} tests="1" failures="0" errors="1">${inner}</testsuite>`;
  });
  const failures = results.filter((result) => !result.ok).length;
  const head = `<testsuites tests="${results.length + broken.length}" failures="${failures}" errors="${broken.length}">`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', head, ...suites, ...broken, '</testsuites>'].join('\n');
}

function suiteElement(file: string, cases: readonly CaseResult[]): string {
  const failures = cases.filter((result) => !result.ok).length;
  const name = cases[0]?.suite ?? file;
  const head = `  <testsuite name=${attribute(name)} file=${attribute(file)} tests="${cases.length}" failures="${failures}" errors="0">`;
  return [head, ...cases.map(caseElement), '  </testsuite>'].join('\n');
}

function caseElement(result: CaseResult): string {
  const head = `    <testcase name=${attribute(result.case)} classname=${attribute(result.suite)} file=${attribute(result.file)} line="${result.place.line}"`;
  if (result.ok) return `${head}/>`;
  const message = result.differences.map(({ what }) => what).join(', ');
  return `${head}><failure message=${attribute(`differs in ${message}`)}>${escape(caseText(result))}</failure></testcase>`;
}

function attribute(text: string): string {
  return `"${escape(text).replaceAll('"', '&quot;').replaceAll('\n', '&#10;')}"`;
}

/** XML 1.0 §2.2 has no control characters, not even escaped. */
function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[^\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd');
}
