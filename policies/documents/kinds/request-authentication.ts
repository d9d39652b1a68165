import { check, field, list, object } from '#schema/index.ts';
import type { Shape } from '#schema/index.ts';
import { documentShape } from '../document-shape.ts';
import { jwtRule } from '../jwt-rule.ts';
import { metadataWithoutDryRun } from '../metadata.ts';
import type { RequestAuthentication } from '../model.ts';
import { readScope, scopeFields, scopeSchema } from '../selector.ts';

const spec = check(
  object({
    ...scopeFields,
    jwtRules: field(list(jwtRule), {
      describe: 'Issuers whose tokens are taken; any other token is refused.',
      default: [],
    }),
  }),
  (value, here) => {
    readScope(value, here);
  },
  scopeSchema,
);

export const requestAuthentication: Shape<RequestAuthentication> = documentShape({
  apiVersions: ['security.istio.io/v1', 'security.istio.io/v1beta1'],
  kind: 'RequestAuthentication',
  describe: 'Which end-user tokens are taken, and what the application sees of them.',
  metadata: metadataWithoutDryRun,
  spec,
  emptySpec: { selector: undefined, targetRef: undefined, targetRefs: undefined, jwtRules: [] },
  finish: (meta, value): RequestAuthentication => ({
    kind: 'RequestAuthentication',
    metadata: meta,
    selector: value.selector ?? new Map(),
    targetRefs: value.targetRefs ?? (value.targetRef === undefined ? [] : [value.targetRef]),
    jwtRules: value.jwtRules,
  }),
});
