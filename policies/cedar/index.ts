export { cedarFor } from './cedar-for.ts';
export type { CedarAnswer, CedarEffect, CedarEngine, CedarFault, CedarProgram } from './engine.ts';
export { unreadCedar } from './unread.ts';
export { printCedar, printPolicy } from './print-policy.ts';
export type { CedarText } from './print-policy.ts';
export { cedarRequest } from './request.ts';
export type { CedarEntity, CedarRequest } from './cedar-values.ts';
export type { CedarLimit } from './rule-expression.ts';
export { cedarSchema, contextTypes } from './vocabulary.ts';
