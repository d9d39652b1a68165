import {
  type ChannelCredentials,
  type ChannelOptions,
  type ClientOptions,
  status,
  Channel as GrpcChannel,
} from '@grpc/grpc-js';

/** The interface; the package exports only the class of that name. */
type Channel = NonNullable<ClientOptions['channelOverride']>;

type Call = ReturnType<Channel['createCall']>;

/** How long a replaced channel lives on, for calls that were already waiting in it for a connection. */
const handoverMs = 60_000;

/** A channel whose credentials may be replaced: new calls use the new ones, calls under way end as they began. */
export class RotatingChannel implements Channel {
  readonly #target: string;
  readonly #options: ChannelOptions;
  /** Calls without a deadline: streams that would outlive what their server proved. */
  readonly #streams = new Set<Call>();
  readonly #leaving = new Map<Channel, NodeJS.Timeout>();
  #current: Channel;
  #closed = false;

  constructor(target: string, credentials: ChannelCredentials, options: ChannelOptions) {
    this.#target = target;
    this.#options = options;
    this.#current = new GrpcChannel(target, credentials, options);
  }

  replaceCredentials(credentials: ChannelCredentials): void {
    if (this.#closed) return;
    const old = this.#current;
    this.#current = new GrpcChannel(this.#target, credentials, this.#options);
    const timer = setTimeout(() => {
      this.#leaving.delete(old);
      old.close();
    }, handoverMs);
    this.#leaving.set(old, timer.unref());
  }

  /** Ends every stream: whom they talk to is not who it was. Whoever holds one open opens it again. */
  endStreams(reason: string): void {
    for (const call of this.#streams) call.cancelWithStatus(status.UNAVAILABLE, reason);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const [channel, timer] of this.#leaving) {
      clearTimeout(timer);
      channel.close();
    }
    this.#leaving.clear();
    this.#current.close();
  }

  getTarget(): string {
    return this.#current.getTarget();
  }

  getConnectivityState(tryToConnect: boolean): ReturnType<Channel['getConnectivityState']> {
    return this.#current.getConnectivityState(tryToConnect);
  }

  watchConnectivityState(...args: Parameters<Channel['watchConnectivityState']>): void {
    this.#current.watchConnectivityState(...args);
  }

  getChannelzRef(): ReturnType<Channel['getChannelzRef']> {
    return this.#current.getChannelzRef();
  }

  createCall(...args: Parameters<Channel['createCall']>): ReturnType<Channel['createCall']> {
    const call = this.#current.createCall(...args);
    const [, deadline] = args;
    return deadline === Infinity ? this.#followed(call) : call;
  }

  #followed(call: Call): Call {
    this.#streams.add(call);
    const start = call.start.bind(call);
    call.start = (metadata, listener) =>
      start(metadata, {
        onReceiveMetadata: (received) => listener.onReceiveMetadata(received),
        onReceiveMessage: (received) => listener.onReceiveMessage(received),
        onReceiveStatus: (received) => {
          this.#streams.delete(call);
          listener.onReceiveStatus(received);
        },
      });
    return call;
  }
}
