import type { CompressedAttributes } from '#proto/gen/istio/mixer/v1/attributes.ts';
import { MapBag } from './bag.ts';
import { readElement } from './element.ts';
import type { ValueType } from './vocabulary.ts';

export interface DecodeOptions {
  /** Words for a message that has none of its own (ReportRequest.default_words). */
  readonly defaultWords?: readonly string[];
  /** What errors call the message: `CheckRequest.attributes`. */
  readonly place?: string;
  /** Attributes whose type is fixed, such as the vocabulary; absent = any name may have any type. */
  readonly types?: ReadonlyMap<string, ValueType>;
}

/** The whole bag, or INVALID_ARGUMENT with the place of the first fault. Nothing is left for later: a bag that exists is sound. */
export function decodeAttributes(c: CompressedAttributes, options: DecodeOptions = {}): MapBag {
  const place = options.place ?? 'CompressedAttributes';
  const element = readElement(c, options.defaultWords ?? [], place, options);
  if (element.error !== undefined) throw element.error;
  return new MapBag(element.values);
}
