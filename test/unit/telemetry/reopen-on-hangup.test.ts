import { expect, test } from '@jest/globals';
import { reopenOnHangup } from '#services/telemetry/reopen-on-hangup.ts';

test('SIGHUP reopens the access log, and no more once it is ended', () => {
  let reopened = 0;
  {
    using _reopening = reopenOnHangup({ reopenAccessLog: () => reopened++ });
    process.emit('SIGHUP');
  }
  process.emit('SIGHUP');
  expect(reopened).toBe(1);
});
