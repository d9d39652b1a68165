/** The types an attribute may be declared with. An `ip` travels as 4 or 16 bytes. */
export const valueTypes = [
  'string',
  'int64',
  'double',
  'bool',
  'timestamp',
  'ip',
  'duration',
  'bytes',
  'stringMap',
] as const;

export type ValueType = (typeof valueTypes)[number];

const byType: { readonly [T in ValueType]?: readonly string[] } = {
  string: [
    'source.uid source.name source.owner source.namespace source.principal source.user',
    'source.serviceAccount source.services source.workload.uid source.workload.name source.workload.namespace',
    'destination.uid destination.name destination.owner destination.namespace destination.principal',
    'destination.user destination.service destination.serviceAccount',
    'destination.service.host destination.service.uid destination.service.name destination.service.namespace',
    'destination.workload.uid destination.workload.name destination.workload.namespace',
    'destination.container.name destination.container.image',
    'connection.id connection.event connection.requested_server_name',
    'request.host request.method request.path request.url_path request.referer request.scheme request.useragent',
    'request.id request.reason request.auth.principal request.auth.audiences request.auth.presenter',
    'request.auth.raw_claims request.api_key',
    'api.service api.version api.operation api.protocol',
    'response.grpc_status response.grpc_message',
    'check.error_message',
    'context.protocol context.reporter.kind context.reporter.uid context.proxy_error_code context.proxy_version',
    'rbac.permissive.response_code rbac.permissive.effective_policy_id',
    'garrison.source.certificate.fault garrison.source.other_principals garrison.destination.services',
    'garrison.decision.id garrison.decision.effect garrison.decision.policy garrison.decision.reason',
    'garrison.decision.audit',
  ],
  int64: [
    'source.port destination.port garrison.destination.listen_port',
    'connection.received.bytes connection.received.bytes_total connection.sent.bytes connection.sent.bytes_total',
    'request.size request.total_size response.code response.size response.total_size',
    'check.error_code',
    'garrison.decision.rule garrison.decision.revision',
  ],
  bool: [
    'connection.mtls check.cache_hit quota.cache_hit context.reporter.local',
    'garrison.decision.fail_open garrison.destination.gateway',
  ],
  timestamp: ['request.time response.time context.time context.timestamp'],
  duration: ['response.duration connection.duration'],
  ip: ['source.ip destination.ip origin.ip garrison.source.proxied_ip'],
  stringMap: [
    'source.labels destination.labels destination.metadata',
    'request.headers request.query_params request.auth.claims response.headers',
    'garrison.request.repeated_headers garrison.metadata garrison.decision.shadow',
  ],
};

/** Every attribute with a fixed meaning: Mixer's vocabulary and, under `garrison.`, our own. */
export const vocabulary: ReadonlyMap<string, ValueType> = new Map(
  valueTypes.flatMap((type) =>
    (byType[type] ?? []).flatMap((line) => line.split(' ').map((name) => [name, type] as const)),
  ),
);
