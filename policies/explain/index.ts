export { explain } from './explain.ts';
export type {
  ClauseReport,
  Explanation,
  FieldReport,
  MtlsReport,
  NotInForce,
  PartReport,
  PolicyReport,
  RuleReport,
  TokenReport,
} from './explanation.ts';
export { explanationText } from './explanation-text.ts';
