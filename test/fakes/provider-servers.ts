import { Server, ServerCredentials } from '@grpc/grpc-js';
import { AuthorizationService, CheckResponse } from '#proto/gen/envoy/service/auth/v3/external_auth.ts';
import type { CheckRequest } from '#proto/gen/envoy/service/auth/v3/external_auth.ts';

type Answer = (request: CheckRequest) => Uint8Array | Promise<Uint8Array>;

/** A real ext_authz server, which answers with whatever bytes the test gives it. */
export class GrpcAuthority implements AsyncDisposable {
  readonly asked: CheckRequest[] = [];
  answer: Answer = () => answered({});
  readonly #server: Server;
  readonly #credentials: ServerCredentials;
  port = 0;

  private constructor(credentials: ServerCredentials) {
    this.#credentials = credentials;
    this.#server = new Server();
    const check = { ...AuthorizationService.check, responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes) };
    this.#server.addService(
      { check },
      {
        check: (call: { request: CheckRequest }, reply: (error: Error | null, value?: Uint8Array) => void) => {
          this.asked.push(call.request);
          Promise.resolve(this.answer(call.request)).then(
            (bytes) => reply(null, bytes),
            (error: unknown) => reply(error as Error),
          );
        },
      },
    );
  }

  /** `at`: as grpc-js names places, such as `unix:/run/ext.sock`. */
  static async start(credentials = ServerCredentials.createInsecure(), at = '127.0.0.1:0'): Promise<GrpcAuthority> {
    const authority = new GrpcAuthority(credentials);
    authority.port = await authority.#bind(at);
    return authority;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }

  #bind(at: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(at, this.#credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
  }
}

/** The bytes of an answer; status OK unless it says otherwise. */
export function answered(answer: Partial<CheckResponse>): Uint8Array {
  const status = { code: 0, message: '', details: [] };
  return CheckResponse.encode({ status, httpResponse: undefined, ...answer }).finish();
}

export const never = (): Promise<Uint8Array> => new Promise(() => undefined);
