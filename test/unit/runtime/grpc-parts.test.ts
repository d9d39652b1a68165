import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { GarrisonError } from '#proto/errors/index.ts';
import { FrameReader, frame } from '#runtime/grpc/frames.ts';
import { describeUnreachable } from '#runtime/grpc/describe-unreachable.ts';
import { encodeMessage, toCallStatus } from '#runtime/grpc/status.ts';
import { parseTimeout } from '#runtime/grpc/timeout.ts';

test.each([
  [
    'No connection established. Last error: Error: connect ECONNREFUSED ::1:9. Resolution note: ',
    'no connection (connect ECONNREFUSED ::1:9)',
  ],
  ['No connection established. Last error: x. Resolution note: y', 'no connection (x; y)'],
  [
    'No connection established. Last error: Error: 40FD:error:0A00010B:SSL routines:tls_validate:wrong version number:../tls.c:77:\n. Resolution note: ',
    'no connection (TLS: wrong version number)',
  ],
  ['the ledger is away', 'the ledger is away'],
])('what grpc-js says of a server that is not there is told as its reason: %j', (details, told) => {
  expect(describeUnreachable(details)).toBe(told);
});

describe('frames', () => {
  test('however the bytes are cut, the messages come out as they went in', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 });
    const cuts = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(messages, cuts, (sent, sizes) => {
        const bytes = Buffer.concat(sent.map((message) => frame(message)));
        const reader = new FrameReader(1000);
        const got: string[] = [];
        for (let at = 0, i = 0; at < bytes.length; i += 1) {
          const size = sizes[i % sizes.length] ?? 1;
          reader.push(bytes.subarray(at, at + size), (message) => got.push(message.toString('hex')));
          at += size;
        }
        reader.end();
        expect(got).toEqual(sent.map((message) => Buffer.from(message).toString('hex')));
      }),
    );
  });

  test('arbitrary bytes end in messages or in an error of ours', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (chunks) => {
        const reader = new FrameReader(32);
        try {
          for (const chunk of chunks) reader.push(Buffer.from(chunk), (m) => expect(m.length).toBeLessThanOrEqual(32));
          reader.end();
        } catch (error) {
          expect(error).toBeInstanceOf(GarrisonError);
        }
      }),
    );
  });

  test('a megabyte in single bytes is read without copying it over and over', () => {
    const bytes = frame(Buffer.alloc(1_048_576, 7));
    const reader = new FrameReader(1_048_576);
    let length = 0;
    for (let i = 0; i < bytes.length; i += 1)
      reader.push(bytes.subarray(i, i + 1), (message) => (length = message.length));
    expect(length).toBe(1_048_576);
  });
});

describe('grpc-timeout', () => {
  test.each([
    ['1H', 3_600_000],
    ['1M', 60_000],
    ['10S', 10_000],
    ['250m', 250],
    ['1500u', 2],
    ['1n', 1],
    ['0S', 0],
    ['99999999H', undefined],
  ])('%s', (text, ms) => {
    expect(parseTimeout(text)).toBe(ms);
  });

  test.each(['', '1', 'S', '1s', '-1S', '1.5S', '123456789S', ' 1S', '1S '])('%j is refused', (text) => {
    expect(() => parseTimeout(text)).toThrow(GarrisonError);
  });
});

describe('status', () => {
  test('the sentence is percent-encoded where it is not printable ASCII, and reads back', () => {
    expect(encodeMessage('plain `text`; do this')).toBe('plain `text`; do this');
    expect(encodeMessage('100 %\n')).toBe('100 %25%0A');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(encodeMessage(text)).toMatch(/^[ -~]*$/);
        expect(decodeURIComponent(encodeMessage(text))).toBe(text);
      }),
    );
    expect(encodeMessage('\ud800')).toBe('%EF%BF%BD');
  });

  test('trailers of an error travel with it, a fault of ours tells nothing', () => {
    const error = Object.assign(new GarrisonError('INVALID_ARGUMENT', 'bad', { place: 'x[3]' }), {
      trailers: { a: 'b' },
    });
    expect(toCallStatus(error)).toEqual({ code: 3, message: 'x[3]: bad', trailers: { a: 'b' } });
    expect(toCallStatus(new Error('secret'))).toEqual({ code: 13, message: 'internal error' });
  });
});
