import type { AuthorizationPolicy } from '#policies/documents/model.ts';
import { type Steps, eachLightly } from '#schema/index.ts';

/**
 * The headers that rules ask about, as servers read them that fold `_` into `-`. Rules are asked before the body: what came
 * behind it under one of these names, and is merged into the headers, nobody has asked about.
 */
export function* headersAskedAbout(policies: readonly AuthorizationPolicy[]): Steps<ReadonlySet<string>> {
  const names = new Set<string>();
  yield* eachLightly(policies, ({ rules }) => {
    for (const { when } of rules) {
      for (const { key } of when) {
        const name = /^request\.headers\[(.+)\]$/.exec(key)?.[1];
        if (name !== undefined) names.add(name.toLowerCase().replaceAll('_', '-'));
      }
    }
  });
  return names;
}
