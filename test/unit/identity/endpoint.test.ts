import { expect, test } from '@jest/globals';
import { parseEndpoint } from '#identity/endpoint.ts';

test.each([
  ['unix:///run/workload.sock', { path: '/run/workload.sock' }],
  ['unix:///a b/ü', { path: '/a b/ü' }],
  ['tcp://127.0.0.1:8081', { host: '127.0.0.1', port: 8081 }],
  ['tcp://[::1]:65535', { host: '::1', port: 65_535 }],
])('%s is an endpoint', (text, address) => {
  expect(parseEndpoint(text)).toEqual(address);
});

test.each([
  ...['', '/run/workload.sock', 'unix:run.sock', 'unix:///', 'unix://host/run.sock', 'unix:///a?b', 'unix:///a#b'],
  ...['unix:///%2e', 'UNIX:///a', 'tcp://localhost:1', 'tcp://127.0.0.1', 'tcp://127.0.0.1:0', 'tcp://127.0.0.1:65536'],
  ...['tcp://127.0.0.1:80/', 'tcp://127.0.0.1:80?x', 'tcp://u@127.0.0.1:80', 'tcp://::1:80', 'tcp://[127.0.0.1]:80'],
  ...['tcp://127.1:80', 'tcp://1.2.3.4.5:80', 'tcp://[::1%lo]:80', 'tcp:127.0.0.1:80', 'http://127.0.0.1:80'],
])('%j is none', (text) => {
  expect(() => parseEndpoint(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});
