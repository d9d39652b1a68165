import { GarrisonError } from '#proto/errors/index.ts';
import { ReportRequest_RepeatedAttributesSemantics as Semantics } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { ReportRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { MapBag } from './bag.ts';
import type { AttributeBag, AttributeValue } from './bag.ts';
import { readElement } from './element.ts';
import { encodeEntries } from './encode.ts';
import { equalValues } from './equal.ts';
import { WordList } from './words.ts';

export interface ReportElement {
  /** Position in ReportRequest.attributes. */
  readonly index: number;
  readonly bag: MapBag;
  /**
   * Attributes that are absent here because an earlier, broken element of a delta batch changed them to something
   * that could not be read. Absent is the truth we have; the value from before the broken element would be a lie.
   */
  readonly unknown: readonly string[];
}

export interface ReportFault {
  readonly index: number;
  readonly error: GarrisonError;
}

export interface DecodedReport {
  readonly elements: ReportElement[];
  readonly faults: ReportFault[];
}

/**
 * How many attributes the elements of one delta batch may inherit altogether. A batch of 1,000 requests with 100 attributes
 * each stays below; without a limit 1 MiB of empty elements behind one big one would unfold to billions.
 */
export const inheritedLimit = 200_000;

/**
 * Every element that can be read, and a fault for each that cannot. A broken element is no reason to lose another:
 * in a delta batch the later elements build on what was readable of it, without the attributes that were not.
 */
export function decodeReport(request: ReportRequest): DecodedReport {
  switch (request.repeatedAttributesSemantics) {
    case Semantics.INDEPENDENT_ENCODING:
      return decodeIndependent(request);
    case Semantics.DELTA_ENCODING:
      return decodeDelta(request);
    default:
      throw new GarrisonError(
        'INVALID_ARGUMENT',
        `there is no way \`${request.repeatedAttributesSemantics}\` to repeat attributes`,
        {
          place: 'ReportRequest.repeated_attributes_semantics',
          remedy: 'say DELTA_ENCODING (0) or INDEPENDENT_ENCODING (1)',
        },
      );
  }
}

function decodeIndependent(request: ReportRequest): DecodedReport {
  const report: DecodedReport = { elements: [], faults: [] };
  for (const [index, message] of request.attributes.entries()) {
    const { values, error } = readElement(message, request.defaultWords, placeOf(index), {
      instead: tooManyFaults(report.faults),
    });
    if (error === undefined) report.elements.push({ index, bag: new MapBag(values), unknown: [] });
    else report.faults.push({ index, error });
  }
  return report;
}

function decodeDelta(request: ReportRequest): DecodedReport {
  const report: DecodedReport = { elements: [], faults: [] };
  const unknown = new Set<string>();
  let sum = new Map<string, AttributeValue>();
  let inherited = 0;
  let exhausted: GarrisonError | undefined;
  for (const [index, message] of request.attributes.entries()) {
    inherited += sum.size + unknown.size;
    if (inherited > inheritedLimit) {
      exhausted ??= tooMuchInherited(index);
      report.faults.push({ index, error: exhausted });
      continue;
    }
    const { values, error, broken } = readElement(message, request.defaultWords, placeOf(index), {
      instead: tooManyFaults(report.faults),
    });
    sum = new Map(sum);
    for (const [name, value] of values) {
      sum.set(name, value);
      unknown.delete(name);
    }
    for (const name of broken) {
      sum.delete(name);
      unknown.add(name);
    }
    if (error === undefined) report.elements.push({ index, bag: new MapBag(sum), unknown: [...unknown] });
    else report.faults.push({ index, error });
  }
  return report;
}

/** So many faults of a batch are explained one by one; making an error costs more than reading an element. */
const explainedFaults = 100;

function tooManyFaults(faults: readonly ReportFault[]): GarrisonError | undefined {
  if (faults.length < explainedFaults) return undefined;
  if (faults.length > explainedFaults) return faults[explainedFaults]?.error;
  return new GarrisonError('INVALID_ARGUMENT', `the batch has more than ${explainedFaults} broken elements`, {
    place: 'ReportRequest.attributes',
    remedy: 'mend those that are explained first',
  });
}

function placeOf(index: number): string {
  return `ReportRequest.attributes[${index}]`;
}

function tooMuchInherited(index: number): GarrisonError {
  return new GarrisonError(
    'RESOURCE_EXHAUSTED',
    `the elements of a delta batch inherit more than ${inheritedLimit} attributes`,
    {
      place: placeOf(index),
      remedy: 'this and every later element was not read; send fewer elements in one batch, or INDEPENDENT_ENCODING',
    },
  );
}

/**
 * The bags as one batch with one word list. Delta cannot say that an attribute is gone: a batch in which one goes is
 * sent as independent elements instead.
 */
export function encodeReport(
  bags: readonly AttributeBag[],
  options: { semantics?: 'delta' | 'independent' } = {},
): ReportRequest {
  const list = new WordList();
  const deltas = options.semantics === 'delta' ? changes(bags) : undefined;
  const attributes = (deltas ?? bags.map((bag) => bag.entries())).map((entries) => encodeEntries(entries, list));
  return {
    attributes,
    defaultWords: list.words,
    globalWordCount: list.globalWordCount,
    repeatedAttributesSemantics: deltas === undefined ? Semantics.INDEPENDENT_ENCODING : Semantics.DELTA_ENCODING,
  };
}

/** What each bag changes of the one before; undefined where one lacks what the one before had. */
function changes(bags: readonly AttributeBag[]): (readonly [string, AttributeValue])[][] | undefined {
  let before: ReadonlyMap<string, AttributeValue> = new Map();
  const deltas = [];
  for (const bag of bags) {
    const now = new Map(bag.entries());
    for (const name of before.keys()) if (!now.has(name)) return undefined;
    const previous = before;
    deltas.push(
      [...now].filter(([name, value]) => {
        const old = previous.get(name);
        return old === undefined || !equalValues(old, value);
      }),
    );
    before = now;
  }
  return deltas;
}
