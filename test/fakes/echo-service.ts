import { type Client, type ClientDuplexStream, type ClientReadableStream, type ClientUnaryCall } from '@grpc/grpc-js';
import { type CallOptions, type Metadata, type ServiceError, makeGenericClientConstructor } from '@grpc/grpc-js';
import type { ClientConstructor } from '#runtime/grpc/client.ts';

const text = {
  requestSerialize: (value: string): Buffer => Buffer.from(value),
  requestDeserialize: (bytes: Buffer): string => bytes.toString(),
  responseSerialize: (value: string): Buffer => Buffer.from(value),
  responseDeserialize: (bytes: Buffer): string => bytes.toString(),
};

/** Methods of every kind whose messages are plain text: what is tested is the transport. */
export const echoService = {
  unary: { path: '/test.Echo/Unary', requestStream: false, responseStream: false, ...text },
  list: { path: '/test.Echo/List', requestStream: false, responseStream: true, ...text },
  chat: { path: '/test.Echo/Chat', requestStream: true, responseStream: true, ...text },
  absent: { path: '/test.Echo/Absent', requestStream: false, responseStream: false, ...text },
} as const;

type Unary = (
  request: string,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: string) => void,
) => ClientUnaryCall;

export interface EchoClient extends Client {
  unary: Unary;
  absent: Unary;
  list(request: string, options?: Partial<CallOptions>): ClientReadableStream<string>;
  chat(options?: Partial<CallOptions>): ClientDuplexStream<string, string>;
}

export const EchoClient = makeGenericClientConstructor(
  echoService,
  'test.Echo',
) as unknown as ClientConstructor<EchoClient>;
