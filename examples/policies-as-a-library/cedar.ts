import { MapBag, compile, decide, describeFault, loadPolicies } from 'garrison/policies';
import { cedarFor } from 'garrison/policies/cedar';

const text = `
apiVersion: garrison.dev/v1
kind: CedarPolicy
metadata: { name: readers, namespace: shop }
spec:
  policy: |
    permit (principal, action, resource)
    when { principal has namespace && principal.namespace == "web"
      && context has "request.method" && context["request.method"] == "GET" };
`;

const files = [{ name: 'readers.yaml', text }];
const loaded = loadPolicies(files, {}, { cedar: await cedarFor(files) });
if (!loaded.ok) throw new Error(loaded.faults.map(describeFault).join('\n'));
const program = compile(loaded.set, 1);

for (const method of ['GET', 'DELETE']) {
  const bag = new MapBag([
    ['context.protocol', 'http'],
    ['destination.namespace', 'shop'],
    ['source.principal', 'cluster.local/ns/web/sa/page'],
    ['request.method', method],
    ['request.path', '/reviews'],
  ]);
  const { effect, policy, reason } = decide(program, bag);
  console.log(`${method}: ${effect}, policy ${policy}: ${reason}`);
}
