import type { Registration } from '#policies/documents/index.ts';

/** A Registration as the documents give it, for what needs one and does not read documents. */
export function aRegistration(name: string, more: Partial<Registration> = {}): Registration {
  const none = new Map<string, string>();
  const place = { file: 'a.yaml', line: 1, column: 1 };
  return {
    kind: 'Registration',
    metadata: { namespace: 'shop', name, labels: none, annotations: none, created: undefined, place },
    spiffeId: `spiffe://example.org/ns/shop/sa/${name}`,
    selectors: ['unix:uid:1'],
    dnsNames: [],
    x509TtlSeconds: undefined,
    jwtTtlSeconds: undefined,
    hint: undefined,
    federatesWith: [],
    node: undefined,
    downstream: false,
    ...more,
  };
}
