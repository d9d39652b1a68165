import { GarrisonError } from '#proto/errors/index.ts';
import { readIdentityTemplate } from '#ca/identity-template.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import { type Here, type Shape, check, field, list, map, object, string } from '#schema/index.ts';
import { type KeysConfig, defaultKeys, keysShape } from './issuer-keys-config.ts';
import { addressBlock, pathIn } from './shapes.ts';

/** How callers of CreateCertificate may prove themselves beside join token and current SVID. */
export interface CallersConfig {
  readonly oidc: readonly OidcCallers[];
  readonly kubernetes: readonly ClusterReview[];
  readonly xfcc: XfccCallers | undefined;
  /** How the keys of issuers are fetched. */
  readonly keys: KeysConfig;
}

/** Tokens of an issuer. */
export interface OidcCallers {
  readonly issuer: string;
  readonly audiences: readonly string[];
  /** A file with its keys. Else they are fetched: from `jwksUri`, or from where its discovery document says. */
  readonly jwks: string | undefined;
  readonly jwksUri: string | undefined;
  /** The path of the identity. Undefined: a Kubernetes service account's. */
  readonly identity: string | undefined;
}

/** A cluster whose API server is asked about its service account tokens. */
export interface ClusterReview {
  readonly cluster: string;
  readonly tokenReview: string;
  /** PEM files: who may have signed the API server's certificate, and what the CA proves itself to it by. */
  readonly ca: string;
  readonly token: string;
  readonly audiences: readonly string[];
}

/** Proxies that have verified a client certificate and say so in `x-forwarded-client-cert`. */
export interface XfccCallers {
  readonly from: readonly string[];
  /** Where given, the proxy proves itself by one of these SVIDs too; else it shows none. */
  readonly proxies: readonly string[];
}

export const noCallers: CallersConfig = { oidc: [], kubernetes: [], xfcc: undefined, keys: defaultKeys };

const reviewPath = '/apis/authentication.k8s.io/v1/tokenreviews';

const spiffeId: Shape<string> = check(string({ minLength: 1 }), (written, here) => {
  refuseAs(here, () => parseSpiffeId(written));
});

const template: Shape<string> = check(string({ minLength: 1, maxLength: 2000 }), (written, here) => {
  refuseAs(here, () => readIdentityTemplate(written));
});

/** It may become part of an identity. */
const clusterName: Shape<string> = string({
  minLength: 1,
  maxLength: 253,
  pattern: { expression: /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/, reason: 'is not a name' },
});

const audiences = list(string({ minLength: 1, maxLength: 1024 }), { min: 1 });

const webUrl: Shape<string> = map(string({ minLength: 1 }), (written, here) => {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.username + url.password === '')
    return url.href;
  here.fault('is no http or https URL', 'write it as `https://issuer.example/keys`');
  return undefined;
});

const reviewUrl: Shape<string> = map(string({ minLength: 1 }), (written, here) => {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url?.protocol !== 'https:' || url.username + url.password + url.search + url.hash !== '') {
    here.fault('is no https URL of an API server', 'write it as `https://10.0.0.1:6443`');
    return undefined;
  }
  return (url.pathname === '/' ? new URL(reviewPath, url) : url).href;
});

export function callersShape(folder: string): Shape<CallersConfig> {
  const oidc = check(
    object({
      issuer: field(string({ minLength: 1, maxLength: 2048 }), {
        describe: 'what `iss` of its tokens is',
        required: true,
      }),
      audiences: field(audiences, { describe: 'one of these is in `aud` of a token for this CA', required: true }),
      jwks: field(pathIn(folder), { describe: 'a file with its JSON Web Key Set, read anew when it changes' }),
      jwksUri: field(webUrl, {
        describe: 'where its keys are; left out, its discovery document says so',
      }),
      identity: field(template, {
        describe:
          'the path of the identity, with claims: `/ns/ci/job/{job_id}`, `/ns/{/kubernetes.io/namespace}/x`; ' +
          'left out, `sub` is `system:serviceaccount:NS:SA` and the path `/ns/NS/sa/SA`',
      }),
    }),
    ({ jwks, jwksUri }, here) => {
      if (jwks !== undefined && jwksUri !== undefined) {
        here.fault('`jwks` and `jwksUri` exclude each other', 'keep one of them', 'jwksUri');
      }
    },
  );
  const xfcc = object({
    from: field(list(addressBlock, { min: 1 }), {
      describe: 'addresses and CIDR blocks of the proxies that are believed',
      required: true,
    }),
    proxies: field(list(spiffeId), {
      default: [],
      describe: 'the SVIDs such a proxy shows itself; left out, only a peer without certificate is believed',
    }),
  });
  const written = object({
    oidc: field(list(oidc), { default: [], describe: 'issuers whose tokens are believed' }),
    kubernetes: field(list(clusterShape(folder)), {
      default: [],
      describe: 'clusters whose API server is asked about a service account token',
    }),
    xfcc: field(xfcc, { nullable: true, describe: 'proxies that tell of a client certificate they have verified' }),
    keys: field(keysShape(folder), { default: defaultKeys, describe: 'how the keys of issuers are fetched' }),
  });
  return check(written, (given, here) => {
    refuseTwice(
      here,
      'oidc',
      'issuer',
      given.oidc.map(({ issuer }) => issuer),
    );
    refuseTwice(
      here,
      'kubernetes',
      'cluster',
      given.kubernetes.map(({ cluster }) => cluster),
    );
  });
}

export function clusterFields(folder: string, audience: string) {
  return {
    cluster: field(clusterName, {
      default: 'Kubernetes',
      describe: 'the name that callers give in `clusterid`; `Kubernetes`',
    }),
    tokenReview: field(reviewUrl, { describe: 'the API server, or its TokenReview endpoint', required: true }),
    ca: field(pathIn(folder), { describe: 'a PEM file: who signed the API server’s certificate', required: true }),
    token: field(pathIn(folder), {
      describe: 'a file with the token of a service account that may create TokenReviews, read anew each time',
      required: true,
    }),
    audiences: field(audiences, { default: [audience], describe: `what the token is for; \`${audience}\`` }),
  };
}

function clusterShape(folder: string): Shape<ClusterReview> {
  return object(clusterFields(folder, 'istio-ca'));
}

export function refuseTwice(here: Here, key: string, what: string, names: readonly string[]): void {
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice >= 0) here.fault(`has the ${what} \`${names[twice] ?? ''}\` twice`, 'keep one of them', key, twice);
}

function refuseAs(here: Here, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof GarrisonError)) throw error;
    here.fault(error.message, error.remedy);
  }
}
