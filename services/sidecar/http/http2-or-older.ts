import { UpstreamFailure } from '../upstream-failure.ts';
import { NotHttp2 } from './h2-client.ts';
import { isGrpc } from './message.ts';
import type { HttpClientPort, Reply, UpstreamRequest } from './port.ts';

/**
 * HTTP/2 to an application that may turn out to speak HTTP/1.1 only: then requests go to it so, and that is remembered
 * until one of them fails. Which it is shows before a byte of a request is sent, so none is ever sent twice. gRPC has no older form.
 */
export class Http2OrOlder implements HttpClientPort {
  readonly #http2: HttpClientPort;
  readonly #older: HttpClientPort;
  #isOlder = false;

  constructor(http2: HttpClientPort, older: HttpClientPort) {
    this.#http2 = http2;
    this.#older = older;
  }

  async send(request: UpstreamRequest): Promise<Reply> {
    if (!this.#isOlder || isGrpc(request.head)) {
      try {
        return await this.#http2.send(request);
      } catch (error) {
        if (!(error instanceof NotHttp2) || isGrpc(request.head)) throw error;
      }
    }
    try {
      const reply = await this.#older.send(request);
      this.#isOlder = true;
      return reply;
    } catch (error) {
      // It may have been replaced by one that speaks HTTP/2.
      if (error instanceof UpstreamFailure && error.flag !== 'DC') this.#isOlder = false;
      throw error;
    }
  }

  dropIdle(): void {
    this.#http2.dropIdle();
    this.#older.dropIdle();
  }

  retire(): void {
    this.#http2.retire();
    this.#older.retire();
  }
}
