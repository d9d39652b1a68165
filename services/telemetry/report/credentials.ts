/** What stands in a record where a credential was: that there was one can be seen, what it was cannot. */
export const redacted = '[redacted]';

/** Headers whose value lets its holder act as somebody (RFC 9110 §11.6, RFC 6265, RFC 6750, and the usual vendor names). */
const credentialHeaders: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'authentication-info',
  'proxy-authentication-info',
  'cookie',
  'cookie2',
  'set-cookie',
  'set-cookie2',
  'api-key',
  'x-api-key',
  'apikey',
  'x-auth-token',
  'x-access-token',
  'x-forwarded-access-token',
  'x-id-token',
  'x-refresh-token',
  'x-csrf-token',
  'x-xsrf-token',
  'x-session-token',
  'x-amz-security-token',
  'x-goog-iap-jwt-assertion',
  'x-ms-token-aad-access-token',
  'x-ms-token-aad-id-token',
  'x-vault-token',
  'x-gitlab-token',
  'private-token',
  'cf-access-jwt-assertion',
  'grpcgateway-authorization',
]);

/** Query parameters that carry credentials (RFC 6750 §2.3, OAuth 2 responses, signed URLs). */
const credentialParameters: ReadonlySet<string> = new Set([
  'access_token',
  'refresh_token',
  'id_token',
  'token',
  'jwt',
  'assertion',
  'client_assertion',
  'client_secret',
  'code',
  'api_key',
  'apikey',
  'key',
  'password',
  'passwd',
  'secret',
  'sig',
  'signature',
  'x-amz-signature',
  'x-amz-security-token',
  'x-goog-signature',
]);

/** Whole attributes that are credentials. */
export const credentialAttributes: ReadonlySet<string> = new Set(['request.api_key']);

const urlHeaders: ReadonlySet<string> = new Set([':path', 'referer', 'location', 'content-location']);
const schemeAndSecret = /^(?:bearer|basic|digest|negotiate|dpop|hoba|mutual|ntlm|aws4-hmac-sha256)\s/i;
const userInfo = /(\/\/)[^/?#@\s]*@/g;
const parameter = /([?&;#])([^=&;#]*)=([^&;#]*)/g;

function nameOf(written: string): string {
  try {
    return decodeURIComponent(written.replaceAll('+', ' ')).toLowerCase();
  } catch {
    return written.toLowerCase();
  }
}

/** A path, query or URL without the secrets that stand in it. */
export function withoutSecrets(url: string): string {
  const bare = url.includes('@') ? url.replace(userInfo, `$1${redacted}@`) : url;
  if (!bare.includes('=')) return bare;
  return bare.replace(parameter, (whole, mark: string, name: string) =>
    credentialParameters.has(nameOf(name)) ? `${mark}${name}=${redacted}` : whole,
  );
}

/** The value of a header as a record may keep it. */
export function headerWithoutSecrets(name: string, value: string): string {
  const key = name.toLowerCase();
  if (credentialHeaders.has(key) || schemeAndSecret.test(value)) return redacted;
  return urlHeaders.has(key) ? withoutSecrets(value) : value;
}

/** The value of a query parameter as a record may keep it. */
export function parameterWithoutSecrets(name: string, value: string): string {
  return credentialParameters.has(name.toLowerCase()) ? redacted : value;
}
