/** What one Bookinfo process is told by its environment, as the originals are. */
export interface Settings {
  /** productpage | details | reviews | ratings | ingress */
  readonly name: string;
  readonly version: string;
  readonly port: number;
  /** Where the sidecar takes outgoing requests; the Host header says whom they are for. */
  readonly outbound: { readonly host: string; readonly port: number };
  /** Service name → the host it is called by. */
  readonly upstreams: {
    readonly details: string;
    readonly reviews: string;
    readonly ratings: string;
    readonly productpage: string;
  };
}

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const [host = '127.0.0.1', port = '15001'] = (env['OUTBOUND'] ?? '').split(':');
  const domain = env['SERVICES_DOMAIN'] ?? 'bookinfo.svc';
  return {
    name: env['NAME'] ?? 'productpage',
    version: env['VERSION'] ?? 'v1',
    port: Number(env['PORT'] ?? '9080'),
    outbound: { host, port: Number(port) },
    upstreams: {
      productpage: `productpage.${domain}:9080`,
      details: `details.${domain}:9080`,
      reviews: `reviews.${domain}:9080`,
      ratings: `ratings.${domain}:9080`,
    },
  };
}
