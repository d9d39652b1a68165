import { serviceAccountOf } from '#ca/spiffe-id.ts';
import type { SpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AttributeBag, AttributeValue, Reference } from '#proto/attributes/index.ts';

/** What every answer to an authenticated caller depends on beside what its policies read. */
export const boundAttributes = ['context.reporter.kind', 'destination.principal', 'destination.namespace'] as const;

/**
 * A workload may ask about itself: as the destination of a request that came in, or the source of one that goes out.
 * Otherwise any workload could learn who may call any other, and a sidecar could have itself judged by a neighbour's policy.
 */
export function requireOwnWorkload(bag: AttributeBag, caller: SpiffeId): void {
  const side = sideOf(bag);
  const principal = caller.toString().slice('spiffe://'.length);
  const claimed = bag.get(`${side}.principal`);
  if (claimed !== undefined && claimed !== principal) throw notOwn(`${side}.principal`, claimed, principal);

  const account = serviceAccountOf(caller);
  const namespace = bag.get(`${side}.namespace`);
  if (account === undefined) {
    // An identity of another shape has no namespace that could be compared: then the whole identity must be there.
    if (claimed === undefined) throw missing(`${side}.principal`, principal);
    return;
  }
  if (namespace === undefined) throw missing(`${side}.namespace`, account.namespace);
  if (namespace !== account.namespace) throw notOwn(`${side}.namespace`, namespace, account.namespace);
}

/** A reporter that does not say which side it is on is inbound, as in Mixer. */
function sideOf(bag: AttributeBag): 'source' | 'destination' {
  const kind = bag.get('context.reporter.kind') ?? 'inbound';
  if (kind === 'inbound') return 'destination';
  if (kind === 'outbound') return 'source';
  throw new GarrisonError('INVALID_ARGUMENT', `a reporter is not \`${show(kind)}\``, {
    place: 'context.reporter.kind',
    remedy: 'say `inbound` or `outbound`',
  });
}

/** The references of the binding that a list lacks. */
export function withBinding(references: readonly Reference[], bag: AttributeBag): Reference[] {
  const all = [...references];
  for (const name of boundAttributes) {
    if (references.some((reference) => reference.name === name && reference.key === undefined)) continue;
    all.push({ name, key: undefined, condition: bag.get(name) === undefined ? 'absence' : 'exact' });
  }
  return all;
}

function notOwn(place: string, claimed: AttributeValue, own: string): GarrisonError {
  return new GarrisonError('PERMISSION_DENIED', `\`${show(claimed)}\` is not the caller's own`, {
    place,
    remedy: `a caller asks about its own workload, which is \`${own}\``,
  });
}

function missing(place: string, own: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', 'the workload that is asked about is not named', {
    place,
    remedy: `say \`${own}\``,
  });
}

function show(value: AttributeValue): string {
  return typeof value === 'string' ? value.slice(0, 300) : typeof value;
}
