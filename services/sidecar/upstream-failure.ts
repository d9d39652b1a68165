/** Envoy's response flags, the vocabulary of `context.proxy_error_code`. */
export type ResponseFlag = 'UF' | 'UH' | 'UC' | 'UPE' | 'NR' | 'DC' | 'UAEX' | 'LR' | 'DPE';

/** Why a request could not be answered by the place it was sent to. */
export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure';
  readonly flag: ResponseFlag;
  /** Nothing of the request can have been acted upon: no byte of it was sent. */
  readonly unsent: boolean;
  /** The connection was a kept one that had gone stale: no byte of an answer came. */
  readonly stale: boolean;

  constructor(
    flag: ResponseFlag,
    message: string,
    detail: { unsent?: boolean; stale?: boolean; cause?: unknown } = {},
  ) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.flag = flag;
    this.unsent = detail.unsent ?? false;
    this.stale = detail.stale ?? false;
  }
}
