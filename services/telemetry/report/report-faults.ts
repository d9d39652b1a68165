import { GarrisonError } from '#proto/errors/index.ts';
import type { ErrorCode, ErrorDetail } from '#proto/errors/index.ts';

export interface ElementFault {
  readonly index: number;
  readonly error: GarrisonError;
}

/** Longest part of a status message that explains faults: it travels in a header. */
const longestExplanation = 1500;

/** Longest list of refused elements in the trailers; a client whose batch is larger reads the counts. */
const mostListed = 200;

/** A refusal that a program can read too: trailers say how many elements were kept and which were not. */
class ReportRefusal extends GarrisonError {
  readonly trailers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail, kept: number, refused: readonly number[]) {
    super(code, message, detail);
    this.trailers = {
      'garrison-report-kept': kept.toString(),
      'garrison-report-refused': refused.slice(0, mostListed).join(','),
    };
  }
}

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
  const message = `refused ${faults.length} of ${total} elements, kept ${kept}: ${explain(faults)}`;
  const detail = {
    place: 'ReportRequest.attributes',
    remedy: kept === 0 ? 'mend what sends them' : 'mend what sends them, and do not send the kept ones again',
    cause: faults[0]?.error,
  };
  return new ReportRefusal(
    code,
    message,
    detail,
    kept,
    faults.map(({ index }) => index),
  );
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
