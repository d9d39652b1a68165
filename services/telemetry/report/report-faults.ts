import { GarrisonError } from '#proto/errors/index.ts';
import type { ErrorCode } from '#proto/errors/index.ts';

export interface ElementFault {
  readonly index: number;
  readonly error: GarrisonError;
}

/** Longest part of a status message that explains faults: it travels in a header. */
const longestExplanation = 1500;

/**
 * The one error for a report of which some elements were refused and the others kept.
 * Its code is one that no client retries: INVALID_ARGUMENT when an element could not be read, else PERMISSION_DENIED.
 * (Mixer answered UNKNOWN, which leaves a client guessing whether to send again.)
 */
export function faultsError(faults: readonly ElementFault[], total: number): GarrisonError {
  const kept = total - faults.length;
  const code: ErrorCode = faults.every(({ error }) => error.code === 'PERMISSION_DENIED')
    ? 'PERMISSION_DENIED'
    : 'INVALID_ARGUMENT';
  const explained = explain(faults);
  return new GarrisonError(code, `refused ${faults.length} of ${total} elements, kept ${kept}: ${explained}`, {
    place: 'ReportRequest.attributes',
    remedy: kept === 0 ? 'mend what sends them' : 'mend what sends them, and do not send the kept ones again',
    cause: faults[0]?.error,
  });
}

function explain(faults: readonly ElementFault[]): string {
  let text = '';
  for (const [i, { index, error }] of faults.entries()) {
    const place = error.place ?? `ReportRequest.attributes[${index}]`;
    const one = `${place}: ${error.message}`;
    if (text.length + one.length > longestExplanation && i > 0) return `${text}, and ${faults.length - i} more`;
    text += `${i === 0 ? '' : ', '}${one.slice(0, longestExplanation)}`;
  }
  return text;
}
