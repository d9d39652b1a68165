import type { Address } from '#proto/gen/envoy/config/core/v3/address.ts';
import type { HeaderValue } from '#proto/gen/envoy/config/core/v3/base.ts';
import type {
  AttributeContext,
  AttributeContext_HttpRequest as HttpRequest,
  AttributeContext_Peer as Peer,
} from '#proto/gen/envoy/service/auth/v3/attribute_context.ts';
import type { CheckRequest } from '#proto/gen/envoy/service/auth/v3/external_auth.ts';
import type { Question, QuestionPeer } from './reply.ts';

/** The question in the words of ext_authz: headers both merged, as providers read them, and one by one, as they came. */
export function grpcQuestion(question: Question, contextExtensions: ReadonlyMap<string, string>): CheckRequest {
  const { nowMs, sni, http } = question;
  const time = { seconds: BigInt(Math.trunc(nowMs / 1000)), nanos: Math.trunc(nowMs % 1000) * 1_000_000 };
  const attributes: AttributeContext = {
    source: peerOf(question.source),
    destination: peerOf(question.destination),
    request: { time, http: http ? httpOf(question) : undefined },
    contextExtensions: new Map(contextExtensions),
    tlsSession: sni === '' ? undefined : { sni },
  };
  return { attributes };
}

function peerOf({ address, port, principal, labels }: QuestionPeer): Peer {
  const known: Address | undefined =
    address === undefined
      ? undefined
      : {
          address: {
            $case: 'socketAddress',
            value: { protocol: 0, address, portSpecifier: { $case: 'portValue', value: port } },
          },
        };
  return { address: known, service: '', labels: new Map(labels), principal, certificate: '' };
}

function httpOf(question: Question): HttpRequest {
  const { id, method, path, host, scheme, protocol, size } = question;
  const pseudo: [string, string][] = [
    [':method', method],
    [':path', path],
    [':authority', host],
    [':scheme', scheme],
  ];
  const all: (readonly [string, readonly string[]])[] = [
    ...pseudo.flatMap(([name, value]): [string, string[]][] => (value === '' ? [] : [[name, [value]]])),
    ...question.headers,
  ];
  return {
    ...{ id, method, path, host, scheme, protocol, size },
    headers: new Map(all.map(([name, values]) => [name, values.join(',')])),
    headerMap: { headers: all.flatMap(([name, values]) => values.map((value) => headerValue(name, value))) },
    query: '',
    fragment: '',
    body: '',
    rawBody: Buffer.alloc(0),
  };
}

/** As Envoy sends it: the octets, with the text left empty. Header values are text here, a path is octets already. */
function headerValue(key: string, value: string): HeaderValue {
  // eslint-disable-next-line no-control-regex -- octets are what is asked for
  const octets = key === ':path' && /^[\x00-\xff]*$/.test(value);
  return { key, value: '', rawValue: Buffer.from(value, octets ? 'latin1' : 'utf8') };
}
