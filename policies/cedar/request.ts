import { GarrisonError } from '#proto/errors/index.ts';
import type { AttributeValue, StringMap } from '#proto/attributes/index.ts';
import type { Workload } from '../compile/select.ts';
import { underivable } from '../decide/facts.ts';
import type { Facts } from '../decide/facts.ts';
import type { Readings } from '../decide/headers.ts';
import { claimAt } from '../decide/token.ts';
import type { VerifiedToken } from '../decide/token.ts';
import { addressText } from './address-text.ts';
import { addressOfBytes } from '../compile/address.ts';
import type { CedarEntity, CedarRequest, CedarValue } from './cedar-values.ts';
import { contextTypes, copiedAttributes } from './vocabulary.ts';
import { lowerCase } from '../decide/lower-case.ts';

/** The principal of a caller without identity. */
export const anonymous = '';

export function cedarRequest(facts: Facts, workload: Workload): CedarRequest {
  if (facts.others !== undefined) {
    throw new GarrisonError('INVALID_ARGUMENT', 'Cedar is asked about one caller, and the certificate names several');
  }
  const context: Record<string, CedarValue> = {};
  const entities: CedarEntity[] = [];
  const put = (name: string, value: CedarValue | undefined): void => {
    if (value !== undefined) context[name] = value;
  };
  const putTexts = (name: string, entries: Iterable<readonly [string, readonly string[]]>): void => {
    const uid = { type: 'Texts', id: name };
    entities.push({ uid, attrs: {}, parents: [], tags: Object.fromEntries(entries) });
    context[name] = { __entity: uid };
  };
  copyAttributes(facts, put, putTexts);
  put('source.namespace', facts.identity?.namespace);
  put('source.serviceAccount', facts.identity?.account);
  put('source.trustDomain', facts.identity?.trustDomain);
  put('connection.sni', facts.sni);
  const peer = facts.sourceAddress;
  if (context['source.ip'] === undefined && peer !== undefined) put('source.ip', ip(addressText(peer)));
  const remote = facts.remoteAddress;
  if (remote === underivable) put('remote.ip.underivable', true);
  else if (remote !== undefined) put('remote.ip', ip(addressText(remote)));
  if (facts.http) {
    putRequestLine(facts, put);
    putHeaders(facts, putTexts);
    if (facts.token !== undefined) putToken(facts.token, put, putTexts);
  }
  const caller = { type: 'Caller', id: facts.principal ?? anonymous } as const;
  const called = { type: 'Workload', id: `${workload.namespace}/${workload.name}` } as const;
  entities.push(callerEntity(caller, facts), workloadEntity(called, workload));
  return { principal: caller, action: { type: 'Action', id: protocolOf(facts) }, resource: called, context, entities };
}

type Put = (name: string, value: CedarValue | undefined) => void;
type PutTexts = (name: string, entries: Iterable<readonly [string, readonly string[]]>) => void;

function copyAttributes(facts: Facts, put: Put, putTexts: PutTexts): void {
  for (const name of copiedAttributes) {
    const value = facts.bag.get(name);
    if (value === undefined) continue;
    const type = contextTypes.get(name);
    if (type === 'texts' && value instanceof Map) {
      putTexts(
        name,
        [...(value as ReadonlyMap<string, string>)].map(([key, text]) => [key, [text]]),
      );
    } else if (type === 'ip' && value instanceof Uint8Array) {
      const address = addressOfBytes(value, facts.settings.strict);
      if (address !== undefined) put(name, ip(addressText(address)));
    } else {
      put(name, scalar(value));
    }
  }
}

function scalar(value: AttributeValue): CedarValue | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  // A Cedar long is read from a JSON number: what a number cannot hold exactly is not there.
  return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : undefined;
}

function ip(text: string): CedarValue {
  return { __extn: { fn: 'ip', arg: text } };
}

function putRequestLine(facts: Facts, put: Put): void {
  put('request.url_path', facts.path);
  put('request.path_and_query', facts.pathAndQuery());
  const methods = asList(facts.methodReadings('wide'));
  put('request.method', facts.method);
  put('request.method.upper', methods.at(-1));
  const host = facts.host;
  if (host === undefined) return;
  put('request.host', host);
  const lower = lowerCase(host);
  put('request.host.lower', lower);
  for (const reading of asList(facts.hostReadings('wide'))) {
    if (reading === lower) continue;
    const kind = lower.startsWith(`${reading}:`)
      ? 'unported'
      : reading.includes(':') && !reading.endsWith(']')
        ? 'undotted_port'
        : 'undotted';
    put(`request.host.lower.${kind}`, reading);
  }
}

function putHeaders(facts: Facts, putTexts: PutTexts): void {
  const sent = facts.bag.get('request.headers');
  const written = facts.headers.changes?.keys() ?? [];
  const names = new Set([...(sent instanceof Map ? (sent as StringMap).keys() : []), ...written].map(lowerCase));
  const plain: [string, readonly string[]][] = [];
  const folded = new Map<string, readonly string[]>();
  for (const name of names) {
    const own = asList(facts.headers.read(name, 'plain'));
    if (own.length === 0) continue;
    plain.push([name, own]);
    const dashed = name.replaceAll('_', '-');
    folded.set(dashed, [...(folded.get(dashed) ?? []), ...own]);
  }
  putTexts('request.headers', plain);
  putTexts('request.headers.folded', folded);
}

function putToken(token: VerifiedToken, put: Put, putTexts: PutTexts): void {
  const filled = (text: string): string | undefined => (text === '' ? undefined : text);
  put('request.auth.issuer', filled(token.issuer));
  put('request.auth.subject', filled(token.subject));
  put('request.auth.presenter', filled(token.presenter));
  const audiences = token.audiences.filter((audience) => audience !== '');
  put('request.auth.audiences', audiences.length > 0 ? audiences : undefined);
  putTexts('request.auth.claims', claimTexts(token));
}

/** Every claim that is a string or holds strings, under its path as a `when` key writes it: `[groups]`, `[realm][roles]`. */
function claimTexts(token: VerifiedToken): [string, readonly string[]][] {
  const found: [string, readonly string[]][] = [];
  const open: (readonly string[])[] = Object.keys(token.claims).map((name) => [name]);
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const texts = asList(claimAt(token, path)).filter((text) => text !== '');
    if (texts.length > 0) found.push([path.map((step) => `[${step}]`).join(''), texts]);
    let value: unknown = token.claims;
    for (const step of path) value = (value as Record<string, unknown>)[step];
    if (typeof value !== 'object' || value === null || Array.isArray(value) || path.length >= maxClaimDepth) continue;
    for (const name of Object.keys(value)) open.push([...path, name]);
  }
  return found;
}

/** Deeper claims are no part of a Cedar request; from/to/when policies read them at any depth. */
const maxClaimDepth = 8;

function callerEntity(uid: CedarEntity['uid'], { identity }: Facts): CedarEntity {
  const { namespace, account, trustDomain } = identity ?? {};
  const attrs = {
    ...(namespace === undefined ? {} : { namespace }),
    ...(account === undefined ? {} : { serviceAccount: account }),
    ...(trustDomain === undefined ? {} : { trustDomain }),
  };
  return { uid, attrs, parents: [] };
}

function workloadEntity(uid: CedarEntity['uid'], workload: Workload): CedarEntity {
  const { namespace, name, serviceAccount, gateway, labels } = workload;
  return { uid, attrs: { namespace, name, serviceAccount, gateway }, parents: [], tags: Object.fromEntries(labels) };
}

function protocolOf(facts: Facts): string {
  if (!facts.http) return 'tcp';
  return facts.bag.get('context.protocol') === 'grpc' ? 'grpc' : 'http';
}

function asList(readings: Readings): readonly string[] {
  if (readings === undefined) return [];
  return typeof readings === 'string' ? [readings] : readings;
}
