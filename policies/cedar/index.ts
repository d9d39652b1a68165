export type { CedarAnswer, CedarEngine, CedarFault, CedarProgram } from './engine.ts';
export { printCedar, printPolicy } from './print-policy.ts';
export type { CedarText } from './print-policy.ts';
export { cedarRequest } from './request.ts';
export type { CedarEntity, CedarRequest } from './request.ts';
export type { CedarLimit } from './rule-expression.ts';
export { cedarSchema, contextTypes } from './vocabulary.ts';
