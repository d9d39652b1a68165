import { ChannelCredentials } from '@grpc/grpc-js';
import { isIP } from 'node:net';
import type { CheckHandler } from '#policies/documents/model.ts';
import { asGarrisonError } from '#proto/errors/index.ts';
import { AuthorizationClient } from '#proto/gen/envoy/service/auth/v3/external_auth.ts';
import { isUnix, parseAddress } from '#runtime/address.ts';
import type { Address } from '#runtime/address.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import { readGrpcAnswer } from './grpc-answer.ts';
import { grpcQuestion } from './grpc-question.ts';
import { providerTls } from './provider-tls.ts';
import { noAnswer } from './reply.ts';
import type { Outcome, Provider, Question } from './reply.ts';

const maxAnswerBytes = 256 * 1024;

/** Asks by Envoy's ext_authz. */
export class GrpcProvider implements Provider {
  readonly #handler: CheckHandler;
  readonly #client: AuthorizationClient;

  constructor(handler: CheckHandler, identity: IdentitySource) {
    this.#handler = handler;
    const address = parseAddress(handler.address);
    const host = isUnix(address) ? 'localhost' : address.host;
    const tls = handler.tls === undefined ? undefined : providerTls(handler.tls, host, identity);
    const credentials =
      tls === undefined
        ? ChannelCredentials.createInsecure()
        : ChannelCredentials.createFromSecureContext(tls.context, { checkServerIdentity: tls.checkServerIdentity });
    this.#client = new AuthorizationClient(targetOf(address), credentials, {
      'grpc.enable_http_proxy': 0,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.service_config_disable_resolution': 1,
      'grpc.max_receive_message_length': maxAnswerBytes,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 3000,
      // A name for TLS is needed even where the address has none.
      ...(tls === undefined ? {} : { 'grpc.ssl_target_name_override': tls.serverName ?? 'localhost' }),
    });
  }

  async ask(question: Question, signal: AbortSignal): Promise<Outcome> {
    const request = grpcQuestion(question, this.#handler.contextExtensions);
    try {
      // The deadline that counts is the signal's; that of the call tells the provider when nobody waits any longer.
      const { timeoutMs } = this.#handler;
      const answer = await callUnary(this.#client.check.bind(this.#client), request, { timeoutMs, signal });
      return readGrpcAnswer(answer, question);
    } catch (error) {
      const { code, message } = asGarrisonError(error);
      if (signal.aborted || code === 'DEADLINE_EXCEEDED') return noAnswer('it did not answer in time', true);
      return noAnswer(`it answered with ${code}: ${message.slice(0, 200)}`, code === 'UNAVAILABLE');
    }
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

function targetOf(address: Address): string {
  if (isUnix(address)) return `unix:${address.path}`;
  const { host, port } = address;
  const family = isIP(host);
  return family === 4 ? `ipv4:${host}:${port}` : family === 6 ? `ipv6:[${host}]:${port}` : `dns:${host}:${port}`;
}
