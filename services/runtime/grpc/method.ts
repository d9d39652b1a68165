import type { Peer } from '../peer.ts';

/** A method as ts-proto's `outputServices=grpc-js` writes it. */
export interface MethodDefinition<Req, Res> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestDeserialize: (bytes: Buffer) => Req;
  readonly responseSerialize: (message: Res) => Uint8Array;
}

/** What a handler may know of the call besides the request. */
export interface CallContext {
  readonly peer: Peer;
  /** Request headers by lower-case name, without HTTP/2's own. Names ending in `-bin` carry base64. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Aborts when the caller is gone, its deadline has passed or the server ends; its reason is a GarrisonError. */
  readonly signal: AbortSignal;
}

export type UnaryHandler<Req, Res> = (request: Req, context: CallContext) => Res | Promise<Res>;
export type ServerStreamHandler<Req, Res> = (request: Req, context: CallContext) => AsyncIterable<Res>;
export type BidiHandler<Req, Res> = (requests: AsyncIterable<Req>, context: CallContext) => AsyncIterable<Res>;
