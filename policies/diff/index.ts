export type { FieldChange } from './changed-fields.ts';
export { compareDocuments } from './compare-documents.ts';
export type { DocumentChange } from './compare-documents.ts';
export { compareVerdicts } from './compare-verdicts.ts';
export type { VerdictChange } from './compare-verdicts.ts';
