import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { formatDocuments } from '#policies/documents/index.ts';

function format(text: string): string {
  const formatted = formatDocuments(text, 'a.yaml');
  if ('faults' in formatted) throw new Error(JSON.stringify(formatted.faults));
  return formatted.text;
}

const messy = `
# why this is here
kind: AuthorizationPolicy
apiVersion: security.istio.io/v1
spec:
    rules:
    - to:
      -   operation: {paths: ["/a [ b ]",   '/c'], methods: [GET]} # both
      from: [ {source: {namespaces: [x]}} ]
    action:   DENY
metadata: {namespace: shop, name: a}
---


apiVersion: v1
kind: ConfigMap
data: { "b": 1, a: 2 }
`;

const tidy = `# why this is here
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: a, namespace: shop }
spec:
  action: DENY
  rules:
    - from: [{ source: { namespaces: [x] } }]
      to:
        - operation: { methods: [GET], paths: ["/a [ b ]", '/c'] } # both
---
apiVersion: v1
kind: ConfigMap
data: { "b": 1, a: 2 }
`;

test('keys go into the order of their declaration, comments stay with what they are about', () => {
  expect(format(messy)).toBe(tidy);
});

test('what is in layout stays as it is', () => {
  expect(format(tidy)).toBe(tidy);
});

describe('our own documents', () => {
  const folder = path.resolve(import.meta.dirname, '../../../../policies/library/documents');
  test.each(readdirSync(folder))('%s keeps its meaning, and comes out the same the second time', (name) => {
    const once = format(readFileSync(path.join(folder, name), 'utf8'));
    expect(format(once)).toBe(once);
  });
});

test('a text that is not YAML is told, not laid out', () => {
  expect(formatDocuments('a: [', 'a.yaml')).toMatchObject({ faults: [{ severity: 'error' }] });
});

test('a text without documents stays', () => {
  expect(format('# nothing yet\n')).toBe('# nothing yet\n');
});
