import { metadataEntry } from '#policies/index.ts';
import { MapBag } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';

/** A request as a test thinks of it. */
export interface RequestText {
  protocol?: 'http' | 'grpc' | 'tcp';
  principal?: string;
  ip?: readonly number[];
  /** All zero: a PROXY header that named nobody. */
  proxiedIp?: readonly number[];
  remoteIp?: readonly number[];
  destinationIp?: readonly number[];
  port?: number;
  /** Where the sidecar listens, if that is another port. */
  listenPort?: number;
  sni?: string;
  method?: string;
  host?: string;
  path?: string;
  headers?: readonly (readonly [name: string, value: string])[];
  namespace?: string;
  labels?: Readonly<Record<string, string>>;
  gateway?: boolean;
  workload?: string;
  /** Payload of a token that was verified. */
  claims?: Readonly<Record<string, unknown>>;
  metadata?: readonly { filter: string; key: string; value: string | readonly string[] }[];
  more?: Readonly<Record<string, AttributeValue>>;
}

/** The bag a sidecar would make of it. */
export function requestBag(request: RequestText): MapBag {
  const { protocol = 'http' } = request;
  const values = new Map<string, AttributeValue>([
    ['context.protocol', protocol],
    ['destination.namespace', request.namespace ?? 'shop'],
    ['destination.labels', new Map(Object.entries(request.labels ?? { app: 'cart' }))],
    ['destination.port', BigInt(request.port ?? 8080)],
  ]);
  const put = (name: string, value: AttributeValue | undefined): void => {
    if (value !== undefined) values.set(name, value);
  };
  const bytes = (ip: readonly number[] | undefined): Uint8Array | undefined =>
    ip === undefined ? undefined : Uint8Array.from(ip);
  put('source.principal', request.principal);
  put('source.ip', bytes(request.ip));
  put('origin.ip', bytes(request.remoteIp));
  put('garrison.source.proxied_ip', bytes(request.proxiedIp));
  put('destination.ip', bytes(request.destinationIp));
  put('garrison.destination.listen_port', request.listenPort === undefined ? undefined : BigInt(request.listenPort));
  put('connection.requested_server_name', request.sni);
  if (protocol !== 'tcp') {
    put('request.method', request.method ?? 'GET');
    put('request.host', request.host ?? 'cart.shop.svc');
    put('request.path', request.path ?? '/');
    const byName = new Map<string, string[]>();
    for (const [name, value] of request.headers ?? []) byName.set(name, [...(byName.get(name) ?? []), value]);
    put('request.headers', new Map([...byName].map(([name, all]) => [name, all.join(',')])));
    const repeated = [...byName].filter(([, all]) => all.length > 1);
    if (repeated.length > 0)
      put('garrison.request.repeated_headers', new Map(repeated.map(([name, all]) => [name, all.join('\n')])));
  }
  if (request.gateway === true) put('garrison.destination.gateway', true);
  put('destination.workload.name', request.workload);
  if (request.claims !== undefined && protocol !== 'tcp')
    put('request.auth.raw_claims', JSON.stringify(request.claims));
  if (request.metadata !== undefined) {
    put(
      'garrison.metadata',
      new Map(request.metadata.map(({ filter, key, value }) => metadataEntry(filter, key, value))),
    );
  }
  for (const [name, value] of Object.entries(request.more ?? {})) put(name, value);
  return new MapBag(values);
}
