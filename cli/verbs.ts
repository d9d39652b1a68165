import type { Verb } from './verb.ts';

/** Every verb by its name and the file that declares it. Loaded on demand: `check-id` need not wait for a gRPC library. */
export const verbs: Readonly<Record<string, () => Promise<{ readonly verb: Verb }>>> = {
  up: () => import('./up.ts'),
  ca: () => import('./ca.ts'),
  authz: () => import('./authz.ts'),
  telemetry: () => import('./telemetry.ts'),
  sidecar: () => import('./sidecar.ts'),
  status: () => import('./status.ts'),
  'audit query': () => import('./audit/query.ts'),
  'audit stats': () => import('./audit/stats.ts'),
  check: () => import('./check.ts'),
  'policy validate': () => import('./policy/validate.ts'),
  'policy fmt': () => import('./policy/fmt.ts'),
  'policy print': () => import('./policy/print.ts'),
  'policy test': () => import('./policy/test/verb.ts'),
  demo: () => import('./demo/verb.ts'),
  report: () => import('./report.ts'),
  'identity check-id': () => import('./identity/check-id.ts'),
  'identity token create': () => import('./identity/token-create.ts'),
  'identity list': () => import('./identity/list.ts'),
  'identity show': () => import('./identity/show.ts'),
  'identity mint': () => import('./identity/mint.ts'),
  'identity bundle show': () => import('./identity/bundle-show.ts'),
  'identity rotate': () => import('./identity/rotate.ts'),
  'identity taint': () => import('./identity/taint.ts'),
  'identity revoke': () => import('./identity/revoke.ts'),
};
