import { type SpiffeId, principalOf, serviceAccountOf } from '#ca/index.ts';
import { type AttributeValue, Timestamp } from '#proto/attributes/index.ts';
import type { Connection } from './connection.ts';
import { type Fields, type RequestHead, firstOf, isGrpc, textOf, valuesOf } from './http/message.ts';
import { isUnix } from '#runtime/address.ts';
import { ipBytes } from './ip-bytes.ts';
import type { Route, RouteEndpoint } from './outbound/route.ts';
import { type OwnWorkload, describeOwn, uidOf } from './workload.ts';

/** Facts under their attribute names, still growing. */
export type Attributes = Map<string, AttributeValue>;

/** What a connection says of every request on it, put together once. */
export function rememberedPer(
  make: (connection: Connection) => Attributes,
): (connection: Connection) => ReadonlyMap<string, AttributeValue> {
  const known = new WeakMap<Connection, Attributes>();
  return (connection) => {
    const before = known.get(connection);
    if (before !== undefined) return before;
    const attributes = make(connection);
    known.set(connection, attributes);
    return attributes;
  };
}

export interface InboundFacts {
  readonly connection: Connection;
  readonly workload: OwnWorkload;
  readonly identity: SpiffeId;
  /** The port the application listens on, which is what documents call the workload's port. */
  readonly port: number;
  readonly now: Date;
}

/** What is known of who calls whom, whatever the protocol. */
export function connectionAttributes(facts: InboundFacts): Attributes {
  const { connection, workload, identity, port, now } = facts;
  const attributes: Attributes = new Map<string, AttributeValue>([
    ['context.protocol', 'tcp'],
    ['context.reporter.kind', 'inbound'],
    ['context.reporter.uid', uidOf(workload)],
    ['context.time', Timestamp.fromDate(now)],
    ['connection.mtls', connection.peer !== undefined],
    ['source.port', BigInt(connection.remote.port)],
    ['destination.port', BigInt(port)],
    ...describeOwn(workload, identity, 'destination'),
  ]);
  const listening = connection.local.port;
  if (listening !== 0 && listening !== port) attributes.set('garrison.destination.listen_port', BigInt(listening));
  if (workload.gateway) attributes.set('garrison.destination.gateway', true);
  setDefined(attributes, 'connection.requested_server_name', connection.serverName);
  setDefined(attributes, 'source.ip', ipBytes(connection.remote.address));
  setDefined(attributes, 'destination.ip', ipBytes((connection.proxied?.destination ?? connection.local).address));
  if (connection.proxied !== undefined) {
    // The unspecified address: there is a client, and nobody knows where.
    const address = ipBytes(connection.proxied.source?.address ?? '') ?? new Uint8Array(4);
    attributes.set('garrison.source.proxied_ip', address);
  }
  const { peer } = connection;
  if (peer !== undefined) {
    attributes.set('source.principal', principalOf(peer));
    setDefined(attributes, 'source.namespace', serviceAccountOf(peer)?.namespace);
  }
  return attributes;
}

export interface OutboundFacts {
  readonly connection: Connection;
  readonly workload: OwnWorkload;
  readonly identity: SpiffeId;
  readonly now: Date;
}

/** What a sidecar knows of its application calling somebody; whom, addDestination tells. */
export function outboundAttributes({ connection, workload, identity, now }: OutboundFacts): Attributes {
  const attributes: Attributes = new Map<string, AttributeValue>([
    ['context.protocol', 'tcp'],
    ['context.reporter.kind', 'outbound'],
    ['context.reporter.uid', uidOf(workload)],
    ['context.time', Timestamp.fromDate(now)],
    ['connection.mtls', false],
    ['source.port', BigInt(connection.remote.port)],
    ...describeOwn(workload, identity, 'source'),
  ]);
  setDefined(attributes, 'source.ip', ipBytes(connection.remote.address));
  return attributes;
}

/** The place a request went to, as the service documents name it. */
export function addDestination(attributes: Attributes, route: Route, endpoint: RouteEndpoint | undefined): void {
  attributes.set('destination.service.host', route.host);
  attributes.set('destination.namespace', route.namespace);
  if (endpoint === undefined) return;
  attributes.set('connection.mtls', !route.external);
  attributes.set('destination.labels', endpoint.labels);
  if (!isUnix(endpoint.address)) {
    setDefined(attributes, 'destination.ip', ipBytes(endpoint.address.host));
    attributes.set('destination.port', BigInt(endpoint.address.port));
  }
  const [id, ...others] = endpoint.identities;
  // With several names for one place nobody has said yet which of them answered.
  if (id !== undefined && others.length === 0) attributes.set('destination.principal', id.replace(/^spiffe:\/\//, ''));
}

/** Adds what one request says. `head` is the request as the service will see it. */
export function addRequest(attributes: Attributes, head: RequestHead, now: Date): void {
  const { fields } = head;
  const { joined, repeated } = headerMaps(fields);
  attributes.set('context.protocol', isGrpc(head) ? 'grpc' : 'http');
  attributes.set('request.method', head.method);
  // Octets: normalisation escapes them one by one, as Envoy does.
  attributes.set('request.path', head.target);
  attributes.set('request.scheme', 'http');
  attributes.set('request.headers', joined);
  if (repeated.size > 0) attributes.set('garrison.request.repeated_headers', repeated);
  attributes.set('request.time', Timestamp.fromDate(now));
  const host = firstOf(fields, 'host');
  if (host !== undefined) attributes.set('request.host', host);
  for (const [attribute, header] of singleHeaders) {
    const value = joined.get(header);
    if (value !== undefined) attributes.set(attribute, value);
  }
  const length = valuesOf(fields, 'content-length')[0];
  if (length !== undefined) attributes.set('request.size', BigInt(length));
}

const singleHeaders = [
  ['request.id', 'x-request-id'],
  ['request.useragent', 'user-agent'],
  ['request.referer', 'referer'],
] as const;

/** Headers by lower-case name, and apart from them those that came more than once (see ADR 22). */
function headerMaps(fields: Fields): { joined: Map<string, string>; repeated: Map<string, string> } {
  const joined = new Map<string, string>();
  const repeated = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = (fields[i] ?? '').toLowerCase();
    const value = textOf(fields[i + 1] ?? '');
    const before = joined.get(name);
    if (before === undefined) {
      joined.set(name, value);
    } else {
      joined.set(name, `${before},${value}`);
      repeated.set(name, `${repeated.get(name) ?? before}\n${value}`);
    }
  }
  return { joined, repeated };
}

export function setDefined(attributes: Attributes, name: string, value: AttributeValue | undefined): void {
  if (value !== undefined) attributes.set(name, value);
}
