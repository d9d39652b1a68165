import { GarrisonError } from '#proto/errors/index.ts';
import type { CompressedAttributes } from '#proto/gen/istio/mixer/v1/attributes.ts';
import { ReportRequest_RepeatedAttributesSemantics as Semantics } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type {
  CheckRequest,
  CheckRequest_QuotaParams as QuotaParams,
  ReportRequest,
} from '#proto/gen/istio/mixer/v1/mixer.ts';
import { Cursor, malformed } from './cursor.ts';
import { MessageBuilder } from './message-builder.ts';
import { readFields } from './read-compressed.ts';

/** CheckRequest from its bytes, strictly: what a server uses instead of the generated reader. */
export function readCheckRequest(bytes: Uint8Array): CheckRequest {
  const cursor = new Cursor(bytes);
  let attributes: MessageBuilder | undefined;
  let globalWordCount = 0;
  let deduplicationId = '';
  const quotas = new Map<string, QuotaParams>();
  while (cursor.hasMore()) {
    const tag = cursor.tag('CheckRequest');
    switch (tag) {
      case 0x0a:
        attributes ??= new MessageBuilder();
        readMessage(cursor, attributes, 'CheckRequest.attributes');
        break;
      case 0x10:
        globalWordCount = cursor.uint32('CheckRequest.global_word_count');
        break;
      case 0x1a:
        deduplicationId = cursor.string('CheckRequest.deduplication_id');
        break;
      case 0x22:
        readQuota(cursor, quotas);
        break;
      default:
        skipUnknown(cursor, tag, 4, 'CheckRequest');
    }
  }
  return { attributes, globalWordCount, deduplicationId, quotas };
}

/**
 * Mixer's clients send batches of 100. Without a limit, 1 MiB holds half a million empty elements, each of which costs
 * far more than its two bytes.
 */
export const elementLimit = 10_000;

/** ReportRequest from its bytes, strictly. */
export function readReportRequest(bytes: Uint8Array): ReportRequest {
  const cursor = new Cursor(bytes);
  const attributes: CompressedAttributes[] = [];
  const defaultWords: string[] = [];
  let globalWordCount = 0;
  let semantics = 0;
  while (cursor.hasMore()) {
    const tag = cursor.tag('ReportRequest');
    switch (tag) {
      case 0x0a: {
        if (attributes.length === elementLimit) throw tooManyElements();
        const message = new MessageBuilder();
        readMessage(cursor, message, `ReportRequest.attributes[${attributes.length}]`);
        attributes.push(message);
        break;
      }
      case 0x12:
        defaultWords.push(cursor.string('ReportRequest.default_words'));
        break;
      case 0x18:
        globalWordCount = cursor.uint32('ReportRequest.global_word_count');
        break;
      case 0x20:
        semantics = cursor.int32('ReportRequest.repeated_attributes_semantics');
        break;
      default:
        skipUnknown(cursor, tag, 4, 'ReportRequest');
    }
  }
  return { attributes, defaultWords, globalWordCount, repeatedAttributesSemantics: semanticsOf(semantics) };
}

function tooManyElements(): GarrisonError {
  return new GarrisonError('RESOURCE_EXHAUSTED', `a batch has more than ${elementLimit} elements`, {
    place: 'ReportRequest.attributes',
    remedy: 'send it in parts',
  });
}

function readMessage(cursor: Cursor, message: MessageBuilder, place: string): void {
  const outer = cursor.enter(place);
  readFields(cursor, message, place);
  cursor.leave(outer);
}

function readQuota(cursor: Cursor, quotas: Map<string, QuotaParams>): void {
  const place = 'CheckRequest.quotas';
  const outer = cursor.enter(place);
  let name = '';
  let amount = 0n;
  let bestEffort = false;
  while (cursor.hasMore()) {
    const tag = cursor.tag(place);
    if (tag === 0x0a) name = cursor.string(place);
    else if (tag === 0x12) {
      const entry = cursor.enter(place);
      while (cursor.hasMore()) {
        const field = cursor.tag(place);
        if (field === 0x08) amount = cursor.int64(place);
        else if (field === 0x10) bestEffort = cursor.bool(place);
        else skipUnknown(cursor, field, 2, place);
      }
      cursor.leave(entry);
    } else throw malformed(place, 'has an entry that is not one key and one value');
  }
  cursor.leave(outer);
  if (quotas.has(name)) throw malformed(`${place}[${JSON.stringify(name)}]`, 'has an entry twice');
  quotas.set(name, { amount, bestEffort });
}

function skipUnknown(cursor: Cursor, tag: number, lastField: number, place: string): void {
  if (tag >>> 3 <= lastField) throw malformed(place, `has field ${tag >>> 3} with wire type ${tag & 7}`);
  cursor.skip(tag, place);
}

function semanticsOf(value: number): Semantics {
  if (value === Semantics.DELTA_ENCODING || value === Semantics.INDEPENDENT_ENCODING) return value;
  return Semantics.UNRECOGNIZED;
}
