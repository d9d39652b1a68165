import {
  any,
  boolean,
  check,
  field,
  integer,
  isNull,
  list,
  map,
  object,
  oneOf,
  record,
  string,
} from '#schema/index.ts';
import type { Here, Parsed, Shape } from '#schema/index.ts';
import { readAddress } from '../compile/address.ts';
import { octets, octetsAsText } from './octets.ts';

/** Text that travels, in the spelling of `octets`. */
export const octetText: Shape<string> = map(string(), octetsAsText);

/** A path is escaped octet by octet, so it stays a string of octets. */
export const octetPath: Shape<string> = map(string(), octets);

/** A header value; numbers and booleans need no quotes here, because every header value is text. */
const headerText: Shape<string> = {
  read(node, reading) {
    if (node.kind === 'scalar' && !isNull(node)) return octetsAsText(node.text);
    return octetText.read(node, reading);
  },
  schema: { type: ['string', 'number', 'boolean'] },
};

const header: Shape<readonly [name: string, value: string]> = map(
  list(headerText, { min: 2, max: 2 }),
  ([name, value]) => (name === undefined || value === undefined ? undefined : ([name, value] as const)),
);

const certificate = object({
  uriSans: field(list(octetText), { describe: 'URI names.', default: [] }),
  dnsSans: field(list(octetText), { describe: 'DNS names.', default: [] }),
  emailSans: field(list(octetText), { describe: 'E-mail names.', default: [] }),
  subject: field(octetText, { describe: 'Subject.', nullable: true }),
  extendedKeyUsage: field(list(string()), {
    describe: 'What the certificate may be used for.',
    default: ['clientAuth'],
  }),
  ca: field(boolean(), { describe: 'Whether it is a certificate authority’s.', default: false }),
});
export type Certificate = Parsed<typeof certificate>;

const source = object({
  ip: field(string(), { describe: 'Address of the direct peer.', nullable: true }),
  port: field(integer({ min: 0, max: 65535 }), { describe: 'Port of the direct peer.', nullable: true }),
  remoteIp: field(string(), {
    describe: 'Address of the original client; absent: derived from X-Forwarded-For and `trustedHops`.',
    nullable: true,
  }),
  proxiedIp: field(string(), {
    describe:
      'Address that a PROXY header named, in the direct peer’s place for `remoteIpBlocks`; `::`: it named none.',
    nullable: true,
  }),
  principal: field(octetText, {
    describe: 'Identity of the caller without `spiffe://`; absent: plaintext, or no client certificate.',
    nullable: true,
  }),
  certificate: field(certificate, {
    describe: 'The client certificate as the TLS layer verified it, instead of `principal`.',
    nullable: true,
  }),
});

const destination = object({
  ip: field(string(), { describe: 'Local address of the connection.', nullable: true }),
  port: field(integer({ min: 0, max: 65535 }), { describe: 'Port of the workload.', nullable: true }),
});

const http = object({
  method: field(octetText, { describe: 'Method.', nullable: true }),
  host: field(octetText, { describe: 'Host or `:authority`, as sent.', nullable: true }),
  path: field(octetPath, { describe: 'Path as on the wire, query included.', default: '/', nullable: true }),
  scheme: field(octetText, { describe: 'Scheme.', nullable: true }),
  headers: field(list(header), { describe: 'Headers as `[name, value]`, in order.', default: [], nullable: true }),
});

const jwt = object({
  issuer: field(string(), { describe: '`iss`.', nullable: true }),
  subject: field(string(), { describe: '`sub`.', nullable: true }),
  audiences: field(list(string()), { describe: '`aud`.', nullable: true }),
  presenter: field(string(), { describe: '`azp`.', nullable: true }),
  claims: field(record(any()), { describe: 'Every other claim.', default: new Map<string, never>(), nullable: true }),
});
export type Jwt = Parsed<typeof jwt>;

const none: ReadonlyMap<string, never> = new Map<string, never>();

const metadata = record(record(any()));

const fields = object({
  protocol: field(oneOf(['http', 'grpc', 'tcp']), {
    describe: 'What is spoken.',
    default: 'http' as const,
    nullable: true,
  }),
  time: field(string(), { describe: 'RFC 3339; fixes the clock for tokens; absent: now.', nullable: true }),
  source: field(source, { describe: 'Who calls.', nullable: true }),
  destination: field(destination, { describe: 'Where the connection arrives.', nullable: true }),
  sni: field(octetText, { describe: 'Server name of the TLS handshake.', nullable: true }),
  http: field(http, { describe: 'The request itself.', nullable: true }),
  jwt: field(jwt, { describe: 'A token that is already verified.', nullable: true }),
  token: field(octetText, {
    describe: 'A raw token: the same as a header `authorization: Bearer …`.',
    nullable: true,
  }),
  metadata: field(metadata, {
    describe: 'What filters of a proxy said: `{ filter: { key: value } }`.',
    default: none,
    nullable: true,
  }),
});

export const request = check(fields, (value, here) => {
  if (value.jwt !== undefined && value.token !== undefined)
    here.fault('`jwt` and `token` exclude each other', 'keep one', 'jwt');
  if (
    value.time !== undefined &&
    (!/^\d{4}-\d{2}-\d{2}[Tt ]/.test(value.time) || Number.isNaN(Date.parse(value.time)))
  ) {
    here.fault(`\`${value.time}\` is no time`, 'write it as `2026-01-31T12:00:00Z`', 'time');
  }
  const { source: from, destination: at } = value;
  if (from?.principal !== undefined && from.certificate !== undefined) {
    here.fault('`principal` and `certificate` exclude each other', 'keep one', 'source', 'principal');
  }
  checkAddress(from?.ip, here, 'source', 'ip');
  checkAddress(from?.remoteIp, here, 'source', 'remoteIp');
  checkAddress(from?.proxiedIp, here, 'source', 'proxiedIp');
  checkAddress(at?.ip, here, 'destination', 'ip');
});
export type Request = Parsed<typeof request>;

function checkAddress(text: string | undefined, here: Here, ...path: string[]): void {
  if (text === undefined || readAddress(text.replace(/%[\w.-]+$/, ''), false) !== undefined) return;
  here.fault(`\`${text}\` is no IP address`, 'write it as `10.0.0.7` or `2001:db8::1`', ...path);
}
