import type { Facts } from '../decide/facts.ts';
import type { Readings } from '../decide/headers.ts';
import { claimAt } from '../decide/token.ts';
import { metadataList, metadataText } from '../decide/metadata.ts';
import type { Mode } from './mode.ts';
import { lowerCase } from '../decide/lower-case.ts';

/** One thing about a request that lists of text are compared with. */
export interface Lens {
  /** Two lenses with one id read the same. */
  readonly id: string;
  /** A list that was verified as such: any element counts, in every mode. It is no ambiguity. */
  readonly list: boolean;
  read(facts: Facts, mode: Mode): Readings;
  /** Set where a request brings any number of such things by name. */
  readonly member?: Member;
}

/** One of many things with names, and how to see which of them a request brings. */
export interface Member {
  readonly of: 'header' | 'claim';
  readonly name: string;
  names(facts: Facts): Iterable<string>;
}

function lens(id: string, read: (facts: Facts, mode: Mode) => Readings): Lens {
  return { id, list: false, read };
}

type Other = NonNullable<Facts['others']>[number];

/** Of a certificate with several names, each counts. */
function withOthers(facts: Facts, first: string | undefined, read: (other: Other) => string | undefined): Readings {
  const all = [first, ...(facts.others ?? []).map(read)].filter((one) => one !== undefined);
  return all.length === 0 ? undefined : all;
}

function ofIdentity(part: 'namespace' | 'account' | 'trustDomain'): (facts: Facts) => Readings {
  return (facts) =>
    facts.others === undefined
      ? facts.identity?.[part]
      : withOthers(facts, facts.identity?.[part], ({ identity }) => identity[part]);
}

export const lenses = {
  principal: lens('source.principal', (facts) =>
    facts.others === undefined ? facts.principal : withOthers(facts, facts.principal, ({ principal }) => principal),
  ),
  namespace: lens('source.namespace', ofIdentity('namespace')),
  account: lens('source.serviceAccount', ofIdentity('account')),
  trustDomain: lens('source.trustDomain', ofIdentity('trustDomain')),
  issuer: lens('token issuer', (facts) => facts.token?.issuer),
  subject: lens('token subject', (facts) => facts.token?.subject),
  host: lens('host', (facts, mode) => facts.hostReadings(mode)),
  method: lens('method', (facts, mode) => facts.methodReadings(mode)),
  path: lens('path', (facts) => facts.path),
  sni: lens('connection.sni', (facts) => facts.sni),
  audiences: { id: 'request.auth.audiences', list: true, read: (facts) => facts.token?.audiences },
  presenter: lens('request.auth.presenter', (facts) => facts.token?.presenter),
} satisfies Record<string, Lens>;

export function headerLens(name: string): Lens {
  const lower = lowerCase(name);
  const read = (facts: Facts, mode: Mode): Readings => facts.header(lower, mode);
  return {
    id: `header ${lower}`,
    list: false,
    read,
    member: { of: 'header', name: lower, names: (facts) => facts.headerNames() },
  };
}

export function claimLens(path: readonly string[]): Lens {
  const read = (facts: Facts): Readings => {
    const token = facts.token;
    return token === undefined ? undefined : claimAt(token, path);
  };
  const names = (facts: Facts): string[] => Object.keys(facts.token?.claims ?? {});
  return { id: `claim ${JSON.stringify(path)}`, list: true, read, member: { of: 'claim', name: path[0] ?? '', names } };
}

/** `list`: the value is a list, and one of its elements is meant. */
export function metadataLens(filter: string, key: string, list: boolean): Lens {
  const read = (facts: Facts): Readings =>
    list ? metadataList(facts.bag, filter, key) : metadataText(facts.bag, filter, key);
  return { id: `metadata ${JSON.stringify([filter, key, list])}`, list: true, read };
}
