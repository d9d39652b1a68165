import { describe, expect, test } from '@jest/globals';
import { compileRegistry, loadPolicies } from '#policies/index.ts';

const documents = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: reviews, namespace: shop }
spec:
  hosts: [reviews.shop.svc, "*.reviews.test"]
  ports: [{ number: 80, name: http, protocol: HTTP }, { number: 81, name: admin, protocol: HTTP, targetPort: 8081 }]
  resolution: STATIC
  location: MESH_INTERNAL
  workloadSelector: { labels: { app: reviews } }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: v1, namespace: shop }
spec: { address: 10.0.0.1, ports: { http: 9080 }, labels: { app: reviews, version: v1 }, serviceAccount: reviews-v1 }
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: elsewhere, namespace: other }
spec: { address: 10.0.0.2, labels: { app: reviews } }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: outside, namespace: shop }
spec:
  hosts: [api.example.com]
  ports: [{ number: 443, name: https, protocol: TLS }]
  resolution: DNS
  subjectAltNames: ["spiffe://example.com/api"]
`;

function registry(): ReturnType<typeof compileRegistry> {
  const loaded = loadPolicies([{ name: 'services.yaml', text: documents }]);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults));
  return compileRegistry(loaded.set);
}

describe('the registry', () => {
  test('leads a host and a port to endpoints and the identities they may show', () => {
    const match = registry().lookup('Reviews.shop.svc:80', 80);
    expect(match?.endpoints).toMatchObject([{ address: '10.0.0.1', port: 9080, serviceAccount: 'reviews-v1' }]);
    expect(match?.identities).toEqual(['spiffe://cluster.local/ns/shop/sa/reviews-v1']);
    expect(registry().lookup('reviews.shop.svc', 81)?.endpoints[0]?.port).toBe(8081);
  });

  test('knows wildcards, names it does not know, and ports it does not know', () => {
    expect(registry().lookup('a.b.reviews.test', 80)?.service.metadata.name).toBe('reviews');
    expect(registry().lookup('reviews.test', 80)).toBeUndefined();
    expect(registry().lookup('reviews.shop.svc', 82)).toBeUndefined();
  });

  test('without endpoints a name leads to itself, and names given for it decide who it is', () => {
    const match = registry().lookup('api.example.com', 443);
    expect(match?.endpoints).toMatchObject([{ address: 'api.example.com', port: 443 }]);
    expect(match?.identities).toEqual(['spiffe://example.com/api']);
  });
});
