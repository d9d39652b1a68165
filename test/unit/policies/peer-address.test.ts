import { expect, test } from '@jest/globals';
import { compile, decide } from '#policies/index.ts';
import type { Mesh } from '#policies/documents/mesh.ts';
import { policy, policySet } from '#test/fakes/policy-documents.ts';
import type { Source } from '#policies/documents/model.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';

function ask(source: Partial<Source>, request: RequestText, mesh: Partial<Mesh> = {}): string {
  const documents = [policy('all', 'ALLOW', [{}]), policy('blocked', 'DENY', [{ from: [source] }])];
  return decide(compile(policySet(documents, mesh), 1), requestBag(request)).policy;
}

const inside = [10, 1, 1, 1];
const balancer = [10, 9, 9, 9];
const forwarded: RequestText['headers'] = [['x-forwarded-for', '203.0.113.5, 192.0.2.9']];

// Proxies that know Mixer report the peer of an HTTP request as `origin.ip`, and no `source.ip`.
test('an origin.ip alone is the direct peer', () => {
  expect(ask({ ipBlocks: ['10.1.0.0/16'] }, { remoteIp: inside })).toBe('shop/blocked');
  expect(ask({ ipBlocks: ['10.2.0.0/16'] }, { remoteIp: inside })).toBe('shop/all');
  expect(ask({ remoteIpBlocks: ['10.1.0.0/16'] }, { remoteIp: inside })).toBe('shop/blocked');
});

test('behind it the client is looked for in X-Forwarded-For', () => {
  const request = { remoteIp: balancer, headers: forwarded };
  expect(ask({ remoteIpBlocks: ['203.0.113.0/24'] }, request, { trustedHops: 2 })).toBe('shop/blocked');
  expect(ask({ remoteIpBlocks: ['10.0.0.0/8'] }, request, { trustedHops: 2 })).toBe('shop/all');
});

test('beside a source.ip it is the client, known for good', () => {
  const request = { ip: balancer, remoteIp: inside, headers: forwarded };
  expect(ask({ ipBlocks: ['10.9.0.0/16'] }, request)).toBe('shop/blocked');
  expect(ask({ ipBlocks: ['10.1.0.0/16'] }, request)).toBe('shop/all');
  expect(ask({ remoteIpBlocks: ['10.1.0.0/16'] }, request, { trustedHops: 2 })).toBe('shop/blocked');
});
