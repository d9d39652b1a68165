import { GarrisonError } from '#proto/errors/index.ts';
import type { TrustDomains } from './aliases.ts';
import { claimLens, headerLens, lenses } from './lens.ts';
import { blocks, exactTexts, headerTexts, metadata, namespaces, ports, texts } from './list-tests.ts';
import type { TestMaker } from './list-tests.ts';
import { RequestPrincipalTest } from './request-principal.ts';

/** How one field is compared, and whether it exists only where HTTP is spoken. */
export interface FieldKind {
  readonly http: boolean;
  readonly make: TestMaker;
}

/** The fields that `from`, `to` and `when` share, for the policies of one namespace. */
export interface FieldKinds {
  readonly principals: FieldKind;
  readonly requestPrincipals: FieldKind;
  readonly namespaces: FieldKind;
  readonly serviceAccounts: FieldKind;
  readonly trustDomains: FieldKind;
  readonly sourceIp: FieldKind;
  readonly remoteIp: FieldKind;
  readonly destinationIp: FieldKind;
  readonly ports: FieldKind;
}

export function fieldKinds(namespace: string, trustDomains: TrustDomains, mapped: boolean): FieldKinds {
  const principal = texts(lenses.principal);
  const trustDomain = texts(lenses.trustDomain);
  return {
    principals: { http: false, make: (values, mode) => principal(trustDomains.expandPrincipals(values), mode) },
    requestPrincipals: { http: true, make: (values) => new RequestPrincipalTest(values) },
    namespaces: { http: false, make: namespaces },
    serviceAccounts: {
      http: false,
      make: exactTexts(lenses.account, (value) => (value.includes('/') ? value : `${namespace}/${value}`)),
    },
    trustDomains: { http: false, make: (values, mode) => trustDomain(trustDomains.expandTrustDomains(values), mode) },
    sourceIp: { http: false, make: blocks('source', mapped) },
    remoteIp: { http: false, make: blocks('remote', mapped) },
    destinationIp: { http: false, make: blocks('destination', mapped) },
    ports: { http: false, make: ports },
  };
}

/** The field that a `when` key names. */
export function conditionKind(key: string, kinds: FieldKinds): FieldKind {
  switch (key) {
    case 'source.ip':
      return kinds.sourceIp;
    case 'remote.ip':
      return kinds.remoteIp;
    case 'source.namespace':
      return kinds.namespaces;
    case 'source.principal':
      return kinds.principals;
    case 'source.serviceAccount':
      return kinds.serviceAccounts;
    case 'source.trustDomain':
      return kinds.trustDomains;
    case 'request.auth.principal':
      return kinds.requestPrincipals;
    case 'request.auth.audiences':
      return { http: true, make: texts(lenses.audiences) };
    case 'request.auth.presenter':
      return { http: true, make: texts(lenses.presenter) };
    case 'destination.ip':
      return kinds.destinationIp;
    case 'destination.port':
      return kinds.ports;
    case 'connection.sni':
      return { http: false, make: texts(lenses.sni) };
    default:
      return keyedKind(key);
  }
}

/** Keys of the form `map[entry]`. */
function keyedKind(key: string): FieldKind {
  const open = key.indexOf('[');
  const name = open < 0 ? key : key.slice(0, open);
  const entries = open < 0 || !key.endsWith(']') ? [] : key.slice(open + 1, -1).split('][');
  const [entry] = entries;
  if (entry !== undefined && !entries.includes('')) {
    if (name === 'request.auth.claims') return { http: true, make: texts(claimLens(entries)) };
    // A header or metadata name may itself contain brackets.
    const whole = key.slice(open + 1, -1);
    if (name === 'request.headers') return { http: true, make: headerTexts(headerLens(whole)) };
    if (name.startsWith('experimental.'))
      return { http: false, make: metadata(name.slice('experimental.'.length), whole) };
  }
  throw new GarrisonError('INVALID_ARGUMENT', `condition key \`${key}\` is not known`);
}
