import type { Verb } from './verb.ts';

/** Every verb by its name and the file that declares it. Loaded on demand: `check-id` need not wait for a gRPC library. */
export const verbs: Readonly<Record<string, () => Promise<{ readonly verb: Verb }>>> = {
  check: () => import('./check.ts'),
  demo: () => import('./demo/verb.ts'),
};
