import { describe, expect, test } from '@jest/globals';
import { parseAttributes } from '#cli/attribute-flags.ts';
import { Duration, Timestamp } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';

describe('attributes on the command line', () => {
  test.each<[string, string, AttributeValue]>([
    ['request.path=/a=b', 'request.path', '/a=b'],
    ['request.path=', 'request.path', ''],
    ['source.port=43210', 'source.port', 43_210n],
    ['connection.mtls=true', 'connection.mtls', true],
    ['source.ip=10.0.0.7', 'source.ip', Buffer.from([10, 0, 0, 7])],
    ['source.ip=::1', 'source.ip', Buffer.from('00000000000000000000000000000001', 'hex')],
    ['source.ip=2001:db8::7:0:1', 'source.ip', Buffer.from('20010db8000000000000000700000001', 'hex')],
    ['source.ip=::ffff:10.0.0.7', 'source.ip', Buffer.from('00000000000000000000ffff0a000007', 'hex')],
    ['request.time=2026-01-31T12:00:00Z', 'request.time', new Timestamp(1_769_860_800n, 0)],
    ['response.duration=1.5s', 'response.duration', new Duration(1n, 500_000_000)],
    ['my.word=5', 'my.word', '5'],
    ['my.count:int64=-5', 'my.count', -5n],
    ['my.load:double=0.5', 'my.load', 0.5],
    ['my.key:bytes=00ff', 'my.key', Buffer.from([0, 255])],
    ['request.headers[:authority]=a:80', 'request.headers', new Map([[':authority', 'a:80']])],
    ['request.headers[__proto__]=x', 'request.headers', new Map([['__proto__', 'x']])],
  ])('%s', (flag, name, value) => {
    expect(parseAttributes([flag]).get(name)).toEqual(value);
  });

  test('entries of one map come together', () => {
    const bag = parseAttributes(['request.headers[a]=1', 'request.headers[b]=2']);
    expect(bag.get('request.headers')).toEqual(
      new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
    );
  });

  test.each([
    ['no equals sign', ['request.path']],
    ['a word for a number', ['source.port=http']],
    ['a word for a boolean', ['connection.mtls=yes']],
    ['a name for an address', ['source.ip=localhost']],
    ['a zone in an address', ['source.ip=fe80::1%eth0']],
    ['an unknown type', ['my.x:float=1']],
    ['another type than the vocabulary has', ['request.path:int64=1']],
    ['a map without a key', ['request.headers=x']],
    ['a key where there is no map', ['request.path[x]=y']],
    ['an attribute twice', ['request.path=/a', 'request.path=/b']],
    ['an entry twice', ['request.headers[a]=1', 'request.headers[a]=2']],
    ['rubbish for a time', ['request.time=noon']],
    ['a duration without unit', ['response.duration=5']],
  ])('%s is refused', (_, flags) => {
    expect(() => parseAttributes(flags)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', place: '--attribute' }),
    );
  });
});
