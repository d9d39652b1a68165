export type { Finding, LintSeverity } from './finding.ts';
export { lint } from './lint.ts';
export { allLintRules, sarifOf } from './sarif.ts';
