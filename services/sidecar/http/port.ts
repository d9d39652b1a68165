import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import type { Connection } from '../connection.ts';
import type { Fields, RequestHead, ResponseHead } from './message.ts';

/** A message body on its way, and what may follow it. */
export interface Body {
  readonly stream: Readable;
  /** Trailer lines; complete once the stream has ended. */
  trailers(): Fields;
  /** Told of every piece that is passed on. */
  onBytes?(count: number): void;
}

/** What went over the client's side of one exchange. */
export interface Transfer {
  readonly sent: number;
  /** The answer reached the client whole. */
  readonly complete: boolean;
}

/** One request that arrived, and the one way to answer it. */
export interface Exchange {
  readonly head: RequestHead;
  readonly connection: Connection;
  /** Undefined where the message announces none. */
  readonly body: Body | undefined;
  /** The client asks to leave HTTP (RFC 9110 §7.8), to a protocol that may be passed on. */
  readonly upgrade: boolean;
  /** Aborts when the client goes away before its answer is complete. */
  readonly gone: AbortSignal;
  /** Body bytes of the request that were passed on so far. */
  received(): number;
  /** Sends an interim answer (1xx but 101). */
  inform(head: ResponseHead): void;
  answer(head: ResponseHead, body: Body | string | undefined): Promise<Transfer>;
  /** Answers 101 and joins the two connections until both are done. */
  switchProtocols(head: ResponseHead, other: Duplex): Promise<Transfer>;
}

export type Handle = (exchange: Exchange) => Promise<void>;

/** Reads requests off accepted connections. A strict framing reader of our own can take this place. */
export interface HttpServerPort {
  accept(socket: Socket, connection: Connection): void;
  /** Finishes what is under way, answers no more on idle connections; ends everything when the signal aborts. */
  drain(deadline: AbortSignal): Promise<void>;
}

export interface UpstreamRequest {
  readonly head: RequestHead;
  readonly body: Body | undefined;
  readonly upgrade: boolean;
  readonly signal: AbortSignal;
  /** Interim answers of the upstream. */
  readonly onInform: (head: ResponseHead) => void;
}

export type Reply =
  | { readonly kind: 'answer'; readonly head: ResponseHead; readonly body: Body | undefined }
  | { readonly kind: 'switched'; readonly head: ResponseHead; readonly stream: Duplex };

/** Sends requests to one place over connections it keeps. Rejects with an UpstreamFailure. */
export interface HttpClientPort {
  send(request: UpstreamRequest): Promise<Reply>;
  /** Closes the connections that wait for a request: one of them was stale, so all may be. */
  dropIdle(): void;
  /** Keeps no connection any longer; those in use finish first. */
  retire(): void;
}
