import { parseSpiffeId } from '#ca/spiffe-id.ts';
import {
  boolean,
  check,
  duration,
  field,
  integer,
  list,
  object,
  oneOf,
  quoteable,
  record,
  string,
} from '#schema/index.ts';
import type { Here, Parsed, Shape } from '#schema/index.ts';
import { documentShape } from '../document-shape.ts';
import { isHostName, isIpAddress } from '../endpoint.ts';
import { metadataWithoutDryRun } from '../metadata.ts';
import type { Handler } from '../model.ts';

const address: Shape<string> = check(string({ minLength: 1, maxLength: 2048 }), (value, here) => {
  const socket = /^unix:(?:\/\/(?=\/)|(?!\/\/))(\/.+)$/s.exec(value)?.[1];
  // sockaddr_un keeps 108 bytes, the last one NUL.
  if (socket !== undefined && !socket.includes('\0') && socket.length <= 107) return;
  const parts = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(value);
  const host = parts?.[1] ?? parts?.[2] ?? '';
  const port = Number(parts?.[3]);
  const known = parts?.[1] === undefined ? isIpAddress(host) || isHostName(host) : isIpAddress(host);
  if (known && port >= 1 && port <= 65535) return;
  here.fault(`\`${quoteable(value)}\` is no address`, 'write `host:port` or `unix:///path`');
});

const tls = check(
  object({
    caCertificates: field(string({ minLength: 1 }), {
      describe: 'Authorities (PEM) of the handler’s certificate; absent: the mesh’s own.',
    }),
    serverName: field(string({ minLength: 1 }), {
      describe: 'Name its certificate must carry, where that is not the host.',
    }),
    spiffeId: field(string({ minLength: 1 }), { describe: 'SPIFFE ID its certificate must carry.' }),
    clientCertificate: field(boolean(), { describe: 'Whether to show the mesh’s own certificate.', default: true }),
  }),
  (value, here) => {
    if (value.spiffeId !== undefined && !isSpiffeId(value.spiffeId)) {
      here.fault(
        `\`${quoteable(value.spiffeId)}\` is not a SPIFFE ID`,
        'write `spiffe://trust-domain/path`',
        'spiffeId',
      );
    }
    if (value.caCertificates?.includes('-----BEGIN CERTIFICATE-----') === false) {
      here.fault('holds no certificate', 'paste the PEM text', 'caCertificates');
    }
  },
);

function isSpiffeId(value: string): boolean {
  try {
    parseSpiffeId(value);
    return true;
  } catch {
    return false;
  }
}

const header = string({
  minLength: 1,
  pattern: { expression: /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, reason: 'is not a header name' },
});
const headers = (describe: string) =>
  field<readonly string[], readonly string[]>(list(header), { describe, default: [] });

const checkHandler = check(
  object({
    protocol: field(oneOf(['grpc', 'http']), {
      describe: 'grpc: Envoy’s ext_authz v3; http: a request that 200 allows.',
      required: true,
    }),
    address: field(address, { describe: '`host:port` or `unix:///path`.', required: true }),
    timeout: field(duration({ minMs: 1, maxMs: 600_000 }), { describe: 'How long an answer may take.', default: 1000 }),
    failureMode: field(oneOf(['deny', 'allow']), { describe: 'What no answer means.', default: 'deny' as const }),
    statusOnError: field(integer({ min: 400, max: 599 }), {
      describe: 'HTTP status of the refusal when there is no answer.',
      default: 403,
    }),
    tls: field(tls, { describe: 'TLS to the handler; absent: plaintext.' }),
    pathPrefix: field(string({ minLength: 1 }), { describe: 'http: put before the request’s path.', default: '' }),
    includeRequestHeadersInCheck: headers('http: request headers that the handler sees; `x-*` is a prefix.'),
    headersToUpstreamOnAllow: headers('http: headers of the answer that the application gets.'),
    headersToDownstreamOnDeny: headers('http: headers of the answer that the caller gets with a refusal.'),
    contextExtensions: field(record(string()), {
      describe: 'grpc: `context_extensions` of every question.',
      default: new Map(),
    }),
  }),
  (value, here) => {
    refuseForeignKeys(value.protocol, here);
    if (value.pathPrefix !== '' && !value.pathPrefix.startsWith('/')) {
      here.fault('a path begins with `/`', 'add it', 'pathPrefix');
    }
  },
);

const httpKeys = [
  'pathPrefix',
  'includeRequestHeadersInCheck',
  'headersToUpstreamOnAllow',
  'headersToDownstreamOnDeny',
];
const grpcKeys = ['contextExtensions'];

function refuseForeignKeys(protocol: 'grpc' | 'http', here: Here): void {
  for (const key of protocol === 'grpc' ? httpKeys : grpcKeys) {
    if (here.has(key)) here.fault(`means nothing with protocol ${protocol}`, 'remove it', key);
  }
}

const spec = object({ check: field(checkHandler, { describe: 'How to ask for a decision.', required: true }) });
type Check = Parsed<typeof checkHandler>;

function toCheck({ timeout, ...value }: Check): Handler['check'] {
  return { ...value, timeoutMs: timeout };
}

export const handler: Shape<Handler> = documentShape({
  apiVersions: ['garrison.dev/v1'],
  kind: 'Handler',
  describe: 'Somebody else’s decision, which CUSTOM policies ask for by the name of this document.',
  metadata: metadataWithoutDryRun,
  spec,
  finish: (metadata, value): Handler => ({ kind: 'Handler', metadata, check: toCheck(value.check) }),
});
