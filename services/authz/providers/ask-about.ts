import type { Requirements } from '#policies/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import type { Question, QuestionPeer } from './reply.ts';

const none: ReadonlyMap<string, string> = new Map();

/** The question that a provider is asked about one request, with the path as rules read it: as Envoy's filter sees it. */
export function questionAbout(
  bag: AttributeBag,
  nowMs: number,
  { http, path = text(bag, 'request.path') }: Pick<Requirements, 'http' | 'path'>,
): Question {
  const method = text(bag, 'request.method');
  return {
    http,
    id: text(bag, 'request.id'),
    method,
    path,
    host: text(bag, 'request.host'),
    scheme: text(bag, 'request.scheme'),
    protocol: text(bag, 'context.protocol').toLowerCase() === 'grpc' ? 'HTTP/2' : '',
    size: whole(bag, 'request.size') ?? -1n,
    headers: headersOf(bag),
    source: peer(bag, 'source'),
    destination: peer(bag, 'destination'),
    sni: text(bag, 'connection.requested_server_name'),
    nowMs,
  };
}

function headersOf(bag: AttributeBag): Map<string, readonly string[]> {
  const repeated = map(bag, 'garrison.request.repeated_headers');
  const headers = new Map<string, readonly string[]>();
  for (const [name, value] of map(bag, 'request.headers')) {
    const lower = name.toLowerCase();
    if (lower.startsWith(':')) continue;
    headers.set(lower, [...(headers.get(lower) ?? []), ...(repeated.get(name)?.split('\n') ?? [value])]);
  }
  return headers;
}

function peer(bag: AttributeBag, side: 'source' | 'destination'): QuestionPeer {
  const principal = text(bag, `${side}.principal`);
  return {
    address: addressText(bag, `${side}.ip`),
    port: Number(whole(bag, `${side}.port`) ?? 0n),
    principal: principal === '' ? '' : `spiffe://${principal}`,
    labels: map(bag, `${side}.labels`),
  };
}

function addressText(bag: AttributeBag, name: string): string | undefined {
  const bytes = bag.get(name);
  if (!(bytes instanceof Uint8Array)) return undefined;
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const groups = Array.from({ length: 8 }, (_, i) => view.getUint16(i * 2).toString(16)).join(':');
  // In the spelling everybody writes (RFC 5952).
  return new URL(`http://[${groups}]/`).hostname.slice(1, -1);
}

function text(bag: AttributeBag, name: string): string {
  const value = bag.get(name);
  return typeof value === 'string' ? value : '';
}

function whole(bag: AttributeBag, name: string): bigint | undefined {
  const value = bag.get(name);
  return typeof value === 'bigint' ? value : undefined;
}

function map(bag: AttributeBag, name: string): ReadonlyMap<string, string> {
  const value = bag.get(name);
  return value instanceof Map ? (value as ReadonlyMap<string, string>) : none;
}
