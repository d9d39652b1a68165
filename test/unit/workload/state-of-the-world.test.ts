import { expect, test } from '@jest/globals';
import type { DiscoveryRequest } from '#proto/gen/envoy/service/discovery/v3/discovery.ts';
import { secretType } from '#services/workload/sds/secrets.ts';
import { StateOfTheWorld } from '#services/workload/sds/state-of-the-world.ts';
import { secretsAt } from '#test/fakes/sealed-secrets.ts';

const request = (resourceNames: string[], responseNonce = '', versionInfo = ''): DiscoveryRequest => ({
  versionInfo,
  resourceNames,
  typeUrl: secretType,
  responseNonce,
  errorDetail: undefined,
});
const refused = { code: 3, message: 'no key in it', details: [] };
const named = (response: { resources: readonly { value: Uint8Array }[] } | undefined): string[] | undefined =>
  response?.resources.map(({ value }) => Buffer.from(value).toString());

const first = secretsAt({ default: 1, ROOTCA: 1, ALL: 1 });
const second = secretsAt({ default: 2, ROOTCA: 1, ALL: 1 });

test('the first request is answered, its ACK is not', () => {
  const stream = new StateOfTheWorld();
  expect(stream.answer(first)).toBeUndefined();
  stream.hear(request(['default', 'default', '']));
  const answer = stream.answer(first)!;
  expect(named(answer)).toEqual(['default@1']);
  stream.hear(request(['default'], answer.nonce, answer.versionInfo));
  expect(stream.answer(first)).toBeUndefined();
});

test('a change of what is asked for is pushed with a new version and nonce, a change of the rest is not', () => {
  const stream = new StateOfTheWorld();
  stream.hear(request(['default']));
  const one = stream.answer(first)!;
  const two = stream.answer(second)!;
  expect(named(two)).toEqual(['default@2']);
  expect(two.nonce).not.toBe(one.nonce);
  expect(two.versionInfo).not.toBe(one.versionInfo);
  expect(stream.answer(secretsAt({ default: 2, ROOTCA: 9 }))).toBeUndefined();
});

test('a request that answers an overtaken response is passed over', () => {
  const stream = new StateOfTheWorld();
  stream.hear(request(['default']));
  const one = stream.answer(first)!;
  stream.answer(second);
  stream.hear(request(['ROOTCA'], one.nonce));
  expect(stream.answer(second)).toBeUndefined();
  expect(stream.hear({ ...request(['default'], one.nonce), errorDetail: refused }).refusal).toBeUndefined();
});

test('other names are answered though nothing changed', () => {
  const stream = new StateOfTheWorld();
  stream.hear(request(['default']));
  const { nonce, versionInfo } = stream.answer(first)!;
  stream.hear(request(['ROOTCA', 'default'], nonce, versionInfo));
  expect(named(stream.answer(first))).toEqual(['ROOTCA@1', 'default@1']);
});

test('what was refused is told to the log and not sent again before it changes', () => {
  const stream = new StateOfTheWorld();
  stream.hear(request(['default']));
  const { nonce } = stream.answer(first)!;
  const { refusal } = stream.hear({ ...request(['default'], nonce), errorDetail: refused });
  expect(refusal).toEqual({ message: 'no key in it', names: ['default'] });
  expect(stream.answer(first)).toBeUndefined();
  expect(named(stream.answer(second))).toEqual(['default@2']);
});

test('what is unknown is awaited: nothing is sent before it is there, and the rest does not wait', () => {
  const stream = new StateOfTheWorld();
  stream.hear(request(['later']));
  expect(stream.answer(first)).toBeUndefined();
  expect(stream.unknown(first)).toEqual(['later']);
  expect(named(stream.answer(secretsAt({ later: 1 })))).toEqual(['later@1']);
  const both = new StateOfTheWorld();
  both.hear(request(['default', 'later']));
  expect(named(both.answer(first))).toEqual(['default@1']);
});

test('an empty list is everything', () => {
  const stream = new StateOfTheWorld();
  stream.hear(request([]));
  expect(named(stream.answer(first))).toEqual(['default@1', 'ROOTCA@1', 'ALL@1']);
});

test('a request with the nonce of another stream begins this one', () => {
  const stream = new StateOfTheWorld();
  stream.hear(request(['default'], '17', 'old'));
  expect(named(stream.answer(first))).toEqual(['default@1']);
});
