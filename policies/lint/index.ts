export type { Finding } from './finding.ts';
export { lint } from './lint.ts';
export { allLintRules, sarifOf } from './sarif.ts';
