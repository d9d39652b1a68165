/**
 * grpc-js tells why there is no connection in words of its own, with its notes:
 * `No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: `.
 */
const noConnection = /^No connection established\. Last error: (?:\w*Error: )?(.*?)\s*\. Resolution note: ?(.*)$/s;

/** OpenSSL tells the line of its source too: `4F1C:error:0A00010B:SSL routines:tls_validate:wrong version number:tls.c:77:`. */
const openSslError = /\berror:[0-9A-F]+:[^:]*:[^:]*:([^:]*):/;

/** What a call that found no server ended with, as the reason; any other text as it is. */
export function describeUnreachable(details: string): string {
  const [whole, reason = '', note = ''] = noConnection.exec(details) ?? [];
  if (whole === undefined) return details;
  return `no connection (${[describeReason(reason), note].filter((part) => part !== '').join('; ')})`;
}

/** Node advises how to run Node, which is not how authorities are named here. */
const advice = /; if the root CA is installed locally, try running Node\.js with --use-system-ca/;

/** Why a connection failed, in a line. */
export function describeReason(message: string): string {
  const tls = openSslError.exec(message)?.[1];
  return tls === undefined ? message.replace(advice, '') : `TLS: ${tls}`;
}
