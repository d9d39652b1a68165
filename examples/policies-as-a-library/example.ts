import { MapBag, compile, decide, describeFault, loadPolicies } from 'garrison/policies';

const text = `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: readers, namespace: shop }
spec:
  rules:
    - from: [{ source: { namespaces: [web] } }]
      to: [{ operation: { methods: [GET] } }]
`;

const loaded = loadPolicies([{ name: 'readers.yaml', text }]);
if (!loaded.ok) throw new Error(loaded.faults.map(describeFault).join('\n'));
const program = compile(loaded.set, 1);

for (const method of ['GET', 'DELETE']) {
  const bag = new MapBag([
    ['context.protocol', 'http'],
    ['destination.namespace', 'shop'],
    ['source.principal', 'cluster.local/ns/web/sa/page'],
    ['request.method', method],
    ['request.path', '/reviews'],
    ['request.host', 'reviews.shop'],
  ]);
  const { effect, policy, reason } = decide(program, bag);
  console.log(`${method}: ${effect}, policy ${policy}: ${reason}`);
}
