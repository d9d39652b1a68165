import { EventEmitter } from 'node:events';
import type { ConnectionOptions, Server, TlsOptions } from 'node:tls';
import { Metadata } from '@grpc/grpc-js';
import { validateJwt, type ValidJwt } from '#ca/jwt/validate-jwt.ts';
import { parseSpiffeId, type SpiffeId } from '#ca/spiffe-id.ts';
import { asGarrisonError, GarrisonError } from '#proto/errors/index.ts';
import { SpiffeWorkloadAPIClient } from '#proto/gen/spiffe/workload/workload.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { keepAlive } from '#runtime/keep-alive.ts';
import type { Authorizer } from './authorizers.ts';
import { endpointVariable, parseEndpoint } from './endpoint.ts';
import { followStream, type Following } from './follow-stream.ts';
import { readJwtBundles, type JwtBundles } from './jwt-bundles.ts';
import { clientOptions, guardConnections, serverContext, serverOptions, type CurrentIdentity } from './tls-options.ts';
import { settleable } from './settleable.ts';
import { readX509Response, type X509Context, type X509Svid } from './x509-context.ts';

/** Which of several identities this process goes by. */
export type Picker = (svids: readonly X509Svid[]) => X509Svid | undefined;

export interface WorkloadIdentityOptions {
  /** `unix:///PATH` or `tcp://IP:PORT`; what the environment variable SPIFFE_ENDPOINT_SOCKET says, where it is left out. */
  readonly endpoint?: string | undefined;
  /** The first one, where left out. What it does not find is waited for. */
  readonly pick?: Picker | undefined;
  /** Gives up waiting for the first identity; afterwards it ends everything, as disposing does. */
  readonly signal?: AbortSignal | undefined;
  /** Hears from the beginning what the event `fault` tells: why there is nothing new now. It is tried again. */
  readonly onFault?: ((error: GarrisonError) => void) | undefined;
}

/** A token that proves an identity to one audience. */
export interface JwtSvid {
  readonly id: SpiffeId;
  readonly hint: string;
  readonly token: string;
}

interface Events {
  /** SVIDs or bundles are other ones now. */
  update: [];
  /** Nothing new can be had at the moment; what was there is kept. */
  fault: [error: GarrisonError];
  /** A guarded server has refused a connection. */
  refused: [error: GarrisonError];
}

const header = { 'workload.spiffe.io': 'true' };
/** How long a first bundle of JWT keys is waited for. */
const jwtPatienceMs = 5000;

/**
 * The identity of this process from a SPIFFE Workload API (Garrison's, SPIRE's, any other), kept fresh: streams are held
 * open, opened again when they end, and the last good SVID stays while the endpoint is away. From `connect` on it holds
 * the process alive, also while it waits for an endpoint that is away; disposing of it lets the process end.
 */
export class WorkloadIdentity extends EventEmitter<Events> implements AsyncDisposable {
  readonly #client: SpiffeWorkloadAPIClient;
  readonly #pick: Picker;
  readonly #stop = new AbortController();
  readonly #following: Promise<unknown>[] = [];
  readonly #outside: AbortSignal | undefined;
  #context: X509Context | undefined;
  #svid: X509Svid | undefined;
  #revision = 0;
  #jwt = settleable<JwtBundles>();
  #jwtBundles: JwtBundles | undefined;

  private constructor({ endpoint, pick, signal, onFault }: WorkloadIdentityOptions) {
    super();
    // Every guarded server listens, and a program may have many.
    this.setMaxListeners(0);
    const address = parseEndpoint(endpoint ?? process.env[endpointVariable] ?? '');
    this.#client = grpcClient(SpiffeWorkloadAPIClient, address, { kind: 'plaintext' });
    this.#pick = pick ?? (([first]) => first);
    this.#outside = signal;
    if (onFault !== undefined) this.on('fault', onFault);
    this.#jwt.promise.catch(() => undefined);
    signal?.addEventListener('abort', this.#end, { once: true });
  }

  /**
   * Resolves with the first SVID, however long that takes; `signal` sets an end to it. Rejects with INVALID_ARGUMENT where
   * the endpoint cannot be one, or says that asking again is of no use.
   */
  static async connect(options: WorkloadIdentityOptions = {}): Promise<WorkloadIdentity> {
    options.signal?.throwIfAborted();
    const identity = new WorkloadIdentity(options);
    try {
      await identity.#begin();
      return identity;
    } catch (error) {
      await identity[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The identity this process goes by. */
  get svid(): X509Svid {
    if (this.#svid === undefined) throw ended();
    return this.#svid;
  }

  /** Every identity of this process, the default first. */
  get svids(): readonly X509Svid[] {
    return this.#context?.svids ?? [];
  }

  /** Roots by trust domain: the own one's and those it federates with. */
  get bundles(): X509Context['bundles'] {
    return this.#context?.bundles ?? new Map();
  }

  /**
   * For `tls.createServer`, `https.createServer`, `http2.createSecureServer`. The server asks every client for a
   * certificate and refuses them all until `guard` says whom to let in.
   */
  tlsServerOptions(): TlsOptions {
    return serverOptions(this.#current());
  }

  /** Lets in clients that prove an identity which `authorize` accepts; the server follows the identity. Gives it back. */
  guard<S extends Server>(server: S, authorize: Authorizer): S {
    const renew = (): void => server.setSecureContext(serverContext(this.#current()));
    guardConnections(
      server,
      () => this.#current(),
      authorize,
      systemClock,
      (error) => this.emit('refused', error),
    );
    renew();
    this.on('update', renew);
    server.once('close', () => this.off('update', renew));
    return server;
  }

  /**
   * For `tls.connect`, `https.request`, `http2.connect`: this process shows its identity, and goes on only with a server
   * that proves one which `authorize` accepts. Host names are not looked at. May be kept: it is read anew at each use.
   */
  tlsClientOptions(authorize: Authorizer): ConnectionOptions {
    return clientOptions(() => this.#current(), authorize, systemClock);
  }

  /** A token for an audience, of the identity this process goes by or of another one it has. */
  async fetchJwtSvid(audience: string | readonly string[], spiffeId = this.svid.id.toString()): Promise<JwtSvid> {
    const request = { audience: typeof audience === 'string' ? [audience] : [...audience], spiffeId };
    const { signal } = this.#stop;
    const call = this.#client.fetchJwtsvid.bind(this.#client);
    const { svids } = await callUnary(call, request, { metadata: header, signal });
    const [svid] = svids;
    if (svid?.spiffeId !== spiffeId) {
      throw new GarrisonError('DATA_LOSS', `the Workload API gave no token for \`${spiffeId}\``);
    }
    return { id: parseSpiffeId(svid.spiffeId), hint: svid.hint, token: svid.svid };
  }

  /**
   * Who sent a token, and its claims; `audience` is the own name, which the token must be for. Checked here, with the keys
   * of the trust domain that it names. Throws INVALID_ARGUMENT with the reason.
   */
  async validateJwtSvid(token: string, audience: string): Promise<ValidJwt> {
    const bundles = this.#jwtBundles ?? (await this.#firstJwtBundles());
    return validateJwt({ token, audience, now: systemClock.now(), keysOf: (trustDomain) => bundles.get(trustDomain) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#outside?.removeEventListener('abort', this.#end);
    this.#end();
    await Promise.allSettled(this.#following);
  }

  readonly #end = (): void => {
    this.#stop.abort();
    this.#jwt.reject(ended());
    this.#client.close();
  };

  #current(): CurrentIdentity {
    return { svid: this.svid, bundles: this.bundles, revision: this.#revision };
  }

  async #firstJwtBundles(): Promise<JwtBundles> {
    const patience = new AbortController();
    const waited = systemClock.sleep(jwtPatienceMs, patience.signal).then((): JwtBundles => {
      throw new GarrisonError('UNAVAILABLE', 'the Workload API has not given any keys of tokens yet');
    });
    try {
      return await Promise.race([this.#jwt.promise, waited]);
    } finally {
      patience.abort();
    }
  }

  async #begin(): Promise<void> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(header)) metadata.set(name, value);
    const rules: Pick<Following<never>, 'clock' | 'random' | 'signal' | 'onFault'> = {
      clock: systemClock,
      random: Math.random,
      signal: this.#stop.signal,
      onFault: (error) => this.emit('fault', error),
    };
    const first = settleable<true>();
    const x509 = followStream({
      ...rules,
      open: () => this.#client.fetchX509Svid({}, metadata),
      use: (message) => {
        this.#accept(readX509Response(message));
        first.resolve(true);
      },
    });
    const jwt = followStream({
      ...rules,
      open: () => this.#client.fetchJwtBundles({}, metadata),
      use: (message) => {
        this.#jwtBundles = readJwtBundles(message);
        this.#jwt.resolve(this.#jwtBundles);
      },
    });
    x509.then(
      () => first.reject(this.#outside?.aborted === true ? this.#outside.reason : ended()),
      (error: unknown) => {
        first.reject(error);
        this.emit('fault', asGarrisonError(error));
      },
    );
    // An endpoint without the JWT profile serves those well who do not ask for tokens.
    jwt.catch((error: unknown) => this.#jwt.reject(error));
    this.#following.push(keepAlive(Promise.allSettled([x509, jwt])));
    await first.promise;
  }

  #accept(context: X509Context): void {
    const svid = this.#pick(context.svids);
    if (svid === undefined) {
      throw new GarrisonError('PERMISSION_DENIED', 'none of the identities of this process is the one that is wanted', {
        remedy: 'register it for this process, or pick another one',
      });
    }
    this.#context = context;
    this.#svid = svid;
    this.#revision += 1;
    this.emit('update');
  }
}

function ended(): GarrisonError {
  return new GarrisonError('CANCELLED', 'the identity of this process is disposed of');
}
