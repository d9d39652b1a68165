import type { ValueType } from '#proto/attributes/index.ts';
import { vocabulary } from '#proto/attributes/vocabulary.ts';
import { declaredTypes } from './declare.ts';
import type { CedarDeclarations } from './declare.ts';

/** How a context attribute is typed in Cedar. `texts` is an entity whose tags are sets of strings, one tag an entry. */
export type ContextType = 'string' | 'long' | 'bool' | 'ip' | 'strings' | 'texts';

const ofValue: Readonly<Record<ValueType, ContextType | undefined>> = {
  string: 'string',
  int64: 'long',
  bool: 'bool',
  ip: 'ip',
  stringMap: 'texts',
  // Cedar has neither floating point nor bytes; its datetime and duration hold milliseconds and would round.
  double: undefined,
  bytes: undefined,
  timestamp: undefined,
  duration: undefined,
};

/**
 * What is read rather than copied: the readings that from, to and when compare, so that a Cedar policy sees a request as
 * every other policy does (paths normalised, identities verified, addresses derived).
 */
const readings: Readonly<Record<string, ContextType>> = {
  'source.namespace': 'string',
  'source.serviceAccount': 'string',
  'source.trustDomain': 'string',
  'remote.ip': 'ip',
  'remote.ip.underivable': 'bool',
  'connection.sni': 'string',
  'request.url_path': 'string',
  'request.path_and_query': 'string',
  'request.method.upper': 'string',
  'request.host.lower': 'string',
  'request.host.lower.unported': 'string',
  'request.host.lower.undotted': 'string',
  'request.host.lower.undotted_port': 'string',
  'request.headers': 'texts',
  'request.headers.folded': 'texts',
  'request.auth.issuer': 'string',
  'request.auth.subject': 'string',
  'request.auth.presenter': 'string',
  'request.auth.audiences': 'strings',
  'request.auth.claims': 'texts',
};

/** Names in a bag that a Cedar policy does not see as they are: a reading says them better, or nobody has verified them. */
const hidden = new Set(['garrison.request.repeated_headers', 'request.auth.raw_claims']);

/** Every attribute a Cedar policy may name in `context["…"]`; each is optional. */
export const contextTypes: ReadonlyMap<string, ContextType> = new Map<string, ContextType>([
  ...[...vocabulary].flatMap(([name, type]): [string, ContextType][] => {
    const known = ofValue[type];
    return known === undefined || hidden.has(name) ? [] : [[name, known]];
  }),
  ...Object.entries(readings),
]);

/** Names whose value is copied from the bag as it is. */
export const copiedAttributes: readonly string[] = [...contextTypes.keys()].filter((name) => !(name in readings));

export const cedarActions = ['http', 'grpc', 'tcp'] as const;

const cedarTypes: Readonly<Record<ContextType, object>> = {
  string: { type: 'String' },
  long: { type: 'Long' },
  bool: { type: 'Boolean' },
  ip: { type: 'Extension', name: 'ipaddr' },
  strings: { type: 'Set', element: { type: 'String' } },
  texts: { type: 'Entity', name: 'Texts' },
};

/**
 * The Cedar schema of a check, in Cedar's JSON form: principal `Caller`, resource `Workload` (its labels are tags), an action
 * for each protocol, and the attribute vocabulary as context. What a document declares of its own is part of it for that document.
 */
export function cedarSchema(declared: CedarDeclarations = { entities: [], actions: [] }): Record<string, object> {
  const types = declaredTypes(declared.entities);
  const { Caller: ofCallers, Workload: ofWorkloads, ...others } = types;
  const text = { type: 'String' };
  const context = Object.fromEntries(
    [...contextTypes].map(([name, type]) => [name, { ...cedarTypes[type], required: false }]),
  );
  const appliesTo = {
    principalTypes: ['Caller'],
    resourceTypes: ['Workload'],
    context: { type: 'Record', attributes: context },
  };
  return {
    '': {
      entityTypes: {
        ...others,
        Caller: {
          memberOfTypes: ofCallers?.memberOfTypes ?? [],
          shape: {
            type: 'Record',
            attributes: {
              ...ofCallers?.shape.attributes,
              namespace: { ...text, required: false },
              serviceAccount: { ...text, required: false },
              trustDomain: { ...text, required: false },
            },
          },
        },
        Workload: {
          memberOfTypes: ofWorkloads?.memberOfTypes ?? [],
          shape: {
            type: 'Record',
            attributes: {
              ...ofWorkloads?.shape.attributes,
              namespace: text,
              name: text,
              serviceAccount: text,
              gateway: { type: 'Boolean' },
            },
          },
          tags: text,
        },
        Texts: { tags: { type: 'Set', element: text } },
      },
      actions: Object.fromEntries([...cedarActions, ...declared.actions].map((name) => [name, { appliesTo }])),
    },
  };
}
