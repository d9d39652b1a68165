type Place = { readonly type: 'string' | 'bigint' | 'boolean' | 'object'; readonly path: readonly string[] };

const at = (type: Place['type'], ...path: string[]): Place => ({ type, path });

/** Attributes that have a place of their own in a record. The one list that both the writing and the asking follow. */
export const attributePlaces: ReadonlyMap<string, Place> = new Map([
  ['context.protocol', at('string', 'protocol')],
  ['context.reporter.kind', at('string', 'reporter', 'kind')],
  ['request.time', at('object', 'time')],
  ['source.principal', at('string', 'principal')],
  ['source.namespace', at('string', 'source', 'namespace')],
  ['source.workload.name', at('string', 'source', 'workload')],
  ['source.ip', at('object', 'source', 'address')],
  ['destination.principal', at('string', 'destination', 'principal')],
  ['destination.namespace', at('string', 'destination', 'namespace')],
  ['destination.workload.name', at('string', 'destination', 'workload')],
  ['destination.service.host', at('string', 'destination', 'service')],
  ['destination.ip', at('object', 'destination', 'address')],
  ['destination.port', at('bigint', 'destination', 'port')],
  ['connection.mtls', at('boolean', 'mtls')],
  ['request.method', at('string', 'method')],
  ['request.path', at('string', 'path')],
  ['request.host', at('string', 'host')],
  ['request.id', at('string', 'requestId')],
  ['response.code', at('bigint', 'code')],
  ['response.duration', at('object', 'durationMs')],
  ['garrison.decision.id', at('string', 'decision')],
  ['garrison.decision.effect', at('string', 'effect')],
  ['garrison.decision.policy', at('string', 'policy')],
  ['garrison.decision.rule', at('bigint', 'rule')],
  ['garrison.decision.revision', at('bigint', 'revision')],
  ['garrison.decision.reason', at('string', 'reason')],
  ['garrison.decision.fail_open', at('boolean', 'failOpen')],
]);
