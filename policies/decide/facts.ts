import { GarrisonError } from '#proto/errors/index.ts';
import type { AttributeBag, StringMap } from '#proto/attributes/index.ts';
import { addressOfBytes } from '../compile/address.ts';
import type { Address } from '../compile/address.ts';
import type { Mode } from '../compile/mode.ts';
import type { Settings } from '../compile/settings.ts';
import type { HeaderLines, Upstream } from './evidence.ts';
import { Headers } from './headers.ts';
import type { Readings } from './headers.ts';
import { readHost } from './host.ts';
import type { Identity } from './identity.ts';
import { lowerCase } from './lower-case.ts';
import { endOfPath } from './normalize-path.ts';
import { readBytes, readMap, readNumber, readText } from './read-attribute.ts';
import { forwardedAddress } from './remote-address.ts';
import type { VerifiedToken } from './token.ts';
import { tokenOfBag } from './token-of-bag.ts';

/** Principals beside `source.principal`, one a line: upstream compares every URI name of a certificate. */
export const otherPrincipalsAttribute = 'garrison.source.other_principals';

/** An address that ought to be known and cannot be derived. */
export const underivable = Symbol('underivable');

const notRead = Symbol('not read');

/** What rules ask of one request, each fact read from the bag when first asked for. */
export class Facts {
  readonly bag: AttributeBag;
  settings: Settings;
  http = false;
  principal: string | undefined = undefined;
  identity: Identity | undefined = undefined;
  /** Further identities of one certificate, which only the profile `istio` knows. */
  others: readonly { readonly principal: string; readonly identity: Identity }[] | undefined = undefined;
  /** As sent, with query and fragment. */
  rawPath: string | undefined = undefined;
  /** Normalised, without query. Set once the path has been accepted. */
  path: string | undefined = undefined;
  method: string | undefined = undefined;
  host: string | undefined = undefined;
  oddHeaderNames = false;
  /** The bag records what is read of it. */
  tracked = false;
  #headerMap: StringMap | undefined | typeof notRead = notRead;
  #headers: Headers | undefined = undefined;
  #upstream: Upstream | undefined = undefined;
  #token: VerifiedToken | undefined | typeof notRead = notRead;
  #sourceAddress: Address | undefined | typeof notRead = notRead;
  #remoteAddress: Address | undefined | typeof notRead | typeof underivable = notRead;

  constructor(bag: AttributeBag, settings: Settings) {
    this.bag = bag;
    this.settings = settings;
  }

  /** Reads what every decision needs. Throws where an attribute is of the wrong type, as every later read does. */
  begin(settings: Settings = this.settings): void {
    this.settings = settings;
    this.http = speaksHttp(this.bag, settings.strict);
    const principal = readText(this.bag, 'source.principal');
    if (principal === undefined || principal === '') return;
    // Some write the whole SPIFFE ID.
    this.principal = principal.startsWith('spiffe://') ? principal.slice('spiffe://'.length) : principal;
    this.identity = this.settings.identities.read(this.principal);
    if (!this.settings.strict) this.#readOthers();
  }

  #readOthers(): void {
    const others = readText(this.bag, otherPrincipalsAttribute);
    if (others === undefined || others === '') return;
    const { identities } = this.settings;
    this.others = others.split('\n').map((principal) => ({ principal, identity: identities.read(principal) }));
  }

  get headerMap(): StringMap | undefined {
    if (this.#headerMap === notRead) this.#headerMap = readMap(this.bag, 'request.headers');
    return this.#headerMap;
  }

  get headers(): Headers {
    return (this.#headers ??= new Headers(
      this.headerMap,
      readMap(this.bag, 'garrison.request.repeated_headers'),
      this.oddHeaderNames,
    ));
  }

  header(name: string, mode: Mode): Readings {
    switch (name) {
      case ':authority':
      case 'host':
        return this.host;
      case ':method':
        return this.method;
      case ':path':
        return this.pathAndQuery();
      case ':scheme':
        return readText(this.bag, 'request.scheme')?.toLowerCase();
      default:
        return this.headers.read(name, mode);
    }
  }

  /** Names under which `header` can find something. */
  headerNames(): Iterable<string> {
    return this.headers.names();
  }

  methodReadings(mode: Mode): Readings {
    const method = this.method;
    if (method === undefined || mode !== 'wide') return method;
    // A server that folds case would serve `delete` as DELETE.
    const upper = method.toUpperCase();
    return upper === method ? method : [method, upper];
  }

  hostReadings(mode: Mode): Readings {
    return this.host === undefined ? undefined : readHost(this.host, mode);
  }

  /** Normalised, with the query and without the fragment. */
  pathAndQuery(): string | undefined {
    const raw = this.#upstream?.path ?? this.rawPath;
    if (raw === undefined || this.path === undefined) return undefined;
    const rest = raw.slice(endOfPath(raw));
    const fragment = rest.indexOf('#');
    return this.path + (fragment < 0 ? rest : rest.slice(0, fragment));
  }

  get sni(): string | undefined {
    return readText(this.bag, 'connection.requested_server_name');
  }

  get port(): number | undefined {
    return readNumber(this.bag, 'destination.port');
  }

  /** The direct peer. Proxies that know Mixer report it for HTTP as `origin.ip`, without a `source.ip` (vocabulary of Mixer). */
  get sourceAddress(): Address | undefined {
    if (this.#sourceAddress === notRead) this.#sourceAddress = this.#address('source.ip') ?? this.#address('origin.ip');
    return this.#sourceAddress;
  }

  get destinationAddress(): Address | undefined {
    return this.#address('destination.ip');
  }

  get remoteAddress(): Address | undefined | typeof underivable {
    if (this.#remoteAddress === notRead) this.#remoteAddress = this.#findRemote();
    return this.#remoteAddress;
  }

  get token(): VerifiedToken | undefined {
    if (this.#token === notRead) this.#token = tokenOfBag(this.bag);
    return this.#token;
  }

  /** From here on rules see the request as the token step has rewritten it. */
  accept(token: VerifiedToken | undefined, upstream: Upstream): void {
    this.#token = token;
    this.#upstream = upstream;
    this.headers.changes = upstream.headers;
  }

  /** From here on rules see the headers as providers have changed them. Where the client is was settled before. */
  rewriteHeaders({ joined, repeated }: HeaderLines): void {
    this.#remoteAddress = this.remoteAddress;
    this.oddHeaderNames ||= [...joined.keys()].some((name) => /[A-Z_]/.test(name));
    this.#headerMap = joined;
    this.#headers = new Headers(joined, repeated, this.oddHeaderNames);
  }

  #findRemote(): Address | undefined | typeof underivable {
    // Beside a direct peer it is the client, known for good.
    const known = this.#address('source.ip') === undefined ? undefined : this.#address('origin.ip');
    if (known !== undefined) return known;
    const { trustedHops, strict } = this.settings;
    if (!this.http || trustedHops === 0) return this.#nearestAddress();
    const forwarded = this.headers.read('x-forwarded-for', 'plain');
    const values = forwarded === undefined ? [] : typeof forwarded === 'string' ? [forwarded] : forwarded;
    const derived = forwardedAddress(values, trustedHops, strict);
    if (derived !== undefined) return derived;
    return strict ? underivable : this.#nearestAddress();
  }

  /** Whom a PROXY header named stands in the direct peer's place, before any X-Forwarded-For. */
  #nearestAddress(): Address | undefined | typeof underivable {
    const proxied = this.#address('garrison.source.proxied_ip');
    if (proxied === undefined) return this.sourceAddress;
    // The unspecified address: the proxy said that there is a client, and not where.
    if (proxied.words.some((word) => word !== 0)) return proxied;
    return this.settings.strict ? underivable : this.sourceAddress;
  }

  #address(name: string): Address | undefined {
    const bytes = readBytes(this.bag, name);
    if (bytes === undefined || bytes.length === 0) return undefined;
    const address = addressOfBytes(bytes, this.settings.strict);
    if (address !== undefined) return address;
    throw new GarrisonError('INVALID_ARGUMENT', `attribute \`${name}\` is no IP address: it has ${bytes.length} bytes`);
  }
}

/**
 * A protocol that nobody named is what the other attributes say; what is neither is TCP. A request that is said to be none
 * contradicts itself: strict reads it as one, since tokens and providers are asked about requests only.
 */
function speaksHttp(bag: AttributeBag, strict: boolean): boolean {
  const protocol = readText(bag, 'context.protocol');
  if (protocol !== undefined && (isHttp(protocol) || isHttp(lowerCase(protocol)))) return true;
  if (protocol !== undefined && !strict) return false;
  if (bag.get('request.path') !== undefined || bag.get('request.method') !== undefined) return true;
  return strict && bag.get('request.headers') !== undefined;
}

function isHttp(protocol: string): boolean {
  return protocol === 'http' || protocol === 'grpc' || protocol === 'https';
}
