/** What a program needs beside `garrison/policies` to decide by CedarPolicy documents: `garrison/policies/cedar`, for Node. */
export { cedarFor } from './cedar-for.ts';
export type { CedarEngine } from './engine.ts';
