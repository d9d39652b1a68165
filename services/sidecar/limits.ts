/** What a client may cost before it is cut off. Envoy's defaults where it has them. */
export interface Limits {
  /** Bytes of a header section. */
  readonly headerBytes: number;
  readonly headerLines: number;
  /** From accept to the first byte, and for the TLS handshake. */
  readonly handshakeMs: number;
  /** From the first byte of a request to the end of its head. */
  readonly headersMs: number;
  /** From the first byte of a request to the end of its body. */
  readonly requestMs: number;
  /** No byte in either direction. */
  readonly idleMs: number;
  /** A kept connection without a request. */
  readonly keepAliveMs: number;
  readonly connectMs: number;
  /** Requests that wait behind another one on a connection. */
  readonly pipelined: number;
  readonly decideMs: number;
  readonly drainMs: number;
}

export const defaultLimits: Limits = {
  headerBytes: 60 * 1024,
  headerLines: 200,
  handshakeMs: 10_000,
  headersMs: 15_000,
  requestMs: 3_600_000,
  idleMs: 300_000,
  keepAliveMs: 75_000,
  connectMs: 5_000,
  pipelined: 64,
  decideMs: 2_000,
  drainMs: 10_000,
};
