import {
  type ChannelCredentials,
  type ChannelOptions,
  type ClientOptions,
  Channel as GrpcChannel,
} from '@grpc/grpc-js';

/** The interface; the package exports only the class of that name. */
type Channel = NonNullable<ClientOptions['channelOverride']>;

/** How long a replaced channel lives on, for calls that were already waiting in it for a connection. */
const handoverMs = 60_000;

/** A channel whose credentials may be replaced: new calls use the new ones, calls under way end as they began. */
export class RotatingChannel implements Channel {
  readonly #target: string;
  readonly #options: ChannelOptions;
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
    return this.#current.createCall(...args);
  }
}
