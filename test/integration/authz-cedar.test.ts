import { expect, test } from '@jest/globals';
import { MapBag } from '#proto/attributes/index.ts';
import { AuthzMesh, ask, checkRequest, decisionOf } from '#test/fakes/authz-mesh.ts';

const document = (effect: string): string => `
apiVersion: garrison.dev/v1
kind: CedarPolicy
metadata: { name: readers, namespace: shop }
spec:
  policy: |
    ${effect} (principal, action, resource)
    when { context has "request.method" && context["request.method"] == "GET" };
`;

const facts = (method: string): MapBag =>
  new MapBag([
    ['context.protocol', 'http'],
    ['destination.namespace', 'shop'],
    ['request.method', method],
    ['request.path', '/'],
    ['request.host', 'cart.shop'],
    ['request.headers', new Map()],
  ]);

test('authz decides by Cedar, lets nobody remember it, and refuses Cedar that is wrong', async () => {
  await using mesh = await AuthzMesh.start({ policies: { 'a.yaml': document('permit') } });
  await mesh.until(({ revision }) => revision === 1);
  const client = await mesh.client();
  const answer = await ask(client, checkRequest(facts('GET')));
  expect(decisionOf(answer)).toMatchObject({ effect: 'allow', policy: 'shop/readers', rule: 0 });
  expect(answer.precondition).toMatchObject({ validUseCount: 0 });
  expect(decisionOf(await ask(client, checkRequest(facts('POST'))))).toMatchObject({ effect: 'deny', policy: 'none' });

  mesh.write('a.yaml', document('allow'));
  const refused = await mesh.until(({ refusal }) => refusal !== null);
  expect(JSON.stringify(refused['refusal'])).toMatch(/a\.yaml:7:5/);
  expect(decisionOf(await ask(client, checkRequest(facts('GET')))).effect).toBe('allow');

  mesh.write('a.yaml', document('forbid'));
  await mesh.until(({ revision }) => revision === 2);
  expect(decisionOf(await ask(client, checkRequest(facts('GET'))))).toMatchObject({ effect: 'deny', rule: 0 });
  mesh.forget();
});
