import { expect, test } from '@jest/globals';
import { GarrisonError } from '#proto/errors/index.ts';
import { createLogger } from '#runtime/logger.ts';

function logged(level: 'debug' | 'warn' = 'debug'): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  return { lines, log: createLogger({ level, write: (line) => lines.push(line) }) };
}

test('one line of JSON with level, time, event and fields', () => {
  const { lines, log } = logged();
  log.child({ service: 'authz' }).info('policy in force', { revision: 3, big: 2n ** 60n });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/\}\n$/);
  expect(JSON.parse(lines[0]!)).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as unknown,
    service: 'authz',
    event: 'policy in force',
    revision: 3,
    big: '1152921504606846976',
  });
});

test('what is less severe than asked for is not written', () => {
  const { lines, log } = logged('warn');
  log.debug('a');
  log.info('b');
  log.warn('c');
  log.error('d');
  expect(lines.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(['c', 'd']);
});

test('a secret is named, never shown, also in a child', () => {
  const { lines, log } = logged();
  const secrets = {
    token: 's3cret',
    passphrase: 's3cret',
    privateKey: 's3cret',
    private_key: 's3cret',
    Authorization: 's3cret',
  };
  log.info('x', { ...secrets, tokens: 4 });
  log.child(secrets).info('y');
  expect(lines.join('')).not.toContain('s3cret');
  expect(JSON.parse(lines[0]!)).toMatchObject({ token: '(secret)', tokens: 4 });
});

test('an error of ours tells code, place and remedy; anyone’s tells its stack; causes are followed', () => {
  const { lines, log } = logged();
  const cause = new TypeError('x is not a function');
  log.error('failed', { error: new GarrisonError('DATA_LOSS', 'torn', { place: 'a:1:1', remedy: 'mend it', cause }) });
  expect(JSON.parse(lines[0]!)).toMatchObject({
    error: {
      code: 'DATA_LOSS',
      message: 'torn',
      place: 'a:1:1',
      remedy: 'mend it',
      cause: { message: 'x is not a function', stack: expect.stringContaining('TypeError') as unknown },
    },
  });
});

test('what the system, TLS or a peer answered has no stack: it is not ours', () => {
  const { lines, log } = logged();
  const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { syscall: 'connect' });
  const status = Object.assign(new Error('14 UNAVAILABLE: x'), { code: 14, details: 'x', metadata: {} });
  for (const cause of [refused, status])
    log.warn('waiting', { error: new GarrisonError('UNAVAILABLE', 'no', { cause }) });
  const causes = lines.map((line) => (JSON.parse(line) as { error: { cause: unknown } }).error.cause);
  expect(causes).toEqual([{ message: 'connect ECONNREFUSED 127.0.0.1:1' }, { message: '14 UNAVAILABLE: x' }]);
});

test('a line feed in a field stays in its line', () => {
  const { lines, log } = logged();
  log.info('x', { path: '/a\n{"level":"error","event":"forged"}' });
  expect(lines.join('').trimEnd().split('\n')).toHaveLength(1);
});
