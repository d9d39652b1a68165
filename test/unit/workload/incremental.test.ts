import { expect, test } from '@jest/globals';
import type { DeltaDiscoveryRequest } from '#proto/gen/envoy/service/discovery/v3/discovery.ts';
import { Incremental } from '#services/workload/sds/incremental.ts';
import { secretType } from '#services/workload/sds/secrets.ts';
import { secretsAt } from '#test/fakes/sealed-secrets.ts';

const request = (
  subscribe: string[],
  unsubscribe: string[] = [],
  more: Partial<DeltaDiscoveryRequest> = {},
): DeltaDiscoveryRequest => ({
  typeUrl: secretType,
  resourceNamesSubscribe: subscribe,
  resourceNamesUnsubscribe: unsubscribe,
  initialResourceVersions: new Map(),
  responseNonce: '',
  errorDetail: undefined,
  ...more,
});
const refused = { code: 3, message: 'no key in it', details: [] };
const first = secretsAt({ default: 1, ROOTCA: 1 });

function told(stream: Incremental, secrets: typeof first): [string[], readonly string[]] | undefined {
  const answer = stream.answer(secrets);
  return answer && [answer.resources.map(({ version }) => version), answer.removedResources];
}

test('tells what is asked for once, and then what is new', () => {
  const stream = new Incremental();
  expect(told(stream, first)).toBeUndefined();
  stream.hear(request(['default', 'ROOTCA']));
  expect(told(stream, first)).toEqual([['default-1', 'ROOTCA-1'], []]);
  stream.hear(request([], [], { responseNonce: '1' }));
  expect(told(stream, first)).toBeUndefined();
  expect(told(stream, secretsAt({ default: 1, ROOTCA: 2 }))).toEqual([['ROOTCA-2'], []]);
});

test('tells what is gone, and what never was, once', () => {
  const stream = new Incremental();
  stream.hear(request(['default', 'later']));
  expect(told(stream, first)).toEqual([['default-1'], ['later']]);
  expect(told(stream, first)).toBeUndefined();
  expect(told(stream, secretsAt({ later: 1 }))).toEqual([['later-1'], ['default']]);
  expect(told(stream, secretsAt({ later: 1, default: 1 }))).toEqual([['default-1'], []]);
});

test('believes what a client that comes back says it has', () => {
  const stream = new Incremental();
  const initialResourceVersions = new Map([
    ['default', 'default-1'],
    ['ROOTCA', 'ROOTCA-0'],
  ]);
  stream.hear(request(['default', 'ROOTCA'], [], { initialResourceVersions }));
  expect(told(stream, first)).toEqual([['ROOTCA-1'], []]);
});

test('sends again what is asked for again, and nothing of what is no longer wanted', () => {
  const stream = new Incremental();
  stream.hear(request(['default', 'ROOTCA']));
  told(stream, first);
  stream.hear(request(['default']));
  expect(told(stream, first)).toEqual([['default-1'], []]);
  stream.hear(request([], ['ROOTCA']));
  expect(told(stream, secretsAt({ default: 1, ROOTCA: 2 }))).toBeUndefined();
  expect(told(stream, secretsAt({ default: 1 }))).toBeUndefined();
});

test.each([[[]], [['*']]])('gives everything to whom it is asked of (%j)', (subscribe) => {
  const stream = new Incremental();
  stream.hear(request(subscribe));
  expect(told(stream, first)).toEqual([['default-1', 'ROOTCA-1'], []]);
  expect(told(stream, secretsAt({ default: 1, more: 1 }))).toEqual([['more-1'], ['ROOTCA']]);
});

test('reports a refusal of the last response only', () => {
  const stream = new Incremental();
  stream.hear(request(['default']));
  told(stream, first);
  const refusal = (responseNonce: string) =>
    stream.hear(request([], [], { responseNonce, errorDetail: refused })).refusal;
  expect(refusal('1')).toEqual({ message: 'no key in it', names: ['default'] });
  expect(refusal('7')).toBeUndefined();
  expect(told(stream, first)).toBeUndefined();
});
