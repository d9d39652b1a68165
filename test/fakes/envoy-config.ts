const type = (name: string): Record<string, string> => ({ '@type': `type.googleapis.com/${name}` });
const tls = 'envoy.extensions.transport_sockets.tls.v3';
const hcm = 'envoy.extensions.filters.network.http_connection_manager.v3';

export interface Wanted {
  /** Which form of SDS is spoken. */
  readonly api: 'GRPC' | 'DELTA_GRPC';
  readonly certificate: string;
  readonly validation: string;
  /** The SPIFFE ID that the other side must show. */
  readonly peer: string;
}

/** And where that is. */
export interface Upstream extends Wanted {
  readonly port: number;
}

/** Where one Envoy gets its secrets. */
function secret(name: string, { api }: Wanted): unknown {
  const service = { envoy_grpc: { cluster_name: 'sds' } };
  const api_config_source = { api_type: api, transport_api_version: 'V3', grpc_services: [service] };
  return { name, sds_config: { resource_api_version: 'V3', api_config_source } };
}

function commonTls(wanted: Wanted): unknown {
  const san = { san_type: 'URI', matcher: { exact: wanted.peer } };
  return {
    tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
    tls_certificate_sds_secret_configs: [secret(wanted.certificate, wanted)],
    combined_validation_context: {
      default_validation_context: { match_typed_subject_alt_names: [san] },
      validation_context_sds_secret_config: secret(wanted.validation, wanted),
    },
  };
}

function http2(): unknown {
  const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  return { [options]: { ...type(options), explicit_http_config: { http2_protocol_options: {} } } };
}

const port = (value: number): unknown => ({ socket_address: { address: '127.0.0.1', port_value: value } });

function endpoint(address: unknown, name: string): unknown {
  return { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] };
}

function listener(name: string, action: unknown, transport: object): unknown {
  const manager = {
    ...type(`${hcm}.HttpConnectionManager`),
    stat_prefix: name,
    route_config: {
      virtual_hosts: [{ name, domains: ['*'], routes: [{ match: { prefix: '/' }, ...(action as object) }] }],
    },
    http_filters: [{ name: 'router', typed_config: type('envoy.extensions.filters.http.router.v3.Router') }],
  };
  const filters = [{ name: 'http', typed_config: manager }];
  return { name, address: port(0), filter_chains: [{ filters, ...transport }] };
}

function bootstrap(id: string, socket: string, listeners: unknown[], clusters: unknown[]): unknown {
  const sds = {
    name: 'sds',
    connect_timeout: '1s',
    typed_extension_protocol_options: http2(),
    load_assignment: endpoint({ pipe: { path: socket } }, 'sds'),
  };
  return {
    node: { id, cluster: id },
    admin: { address: port(0) },
    static_resources: { listeners, clusters: [sds, ...clusters] },
  };
}

/** Answers `hello` over mutual TLS on its listener `in`. */
export function servingEnvoy(socket: string, wanted: Wanted): unknown {
  const context = { ...type(`${tls}.DownstreamTlsContext`), require_client_certificate: true };
  const transport_socket = { name: 'tls', typed_config: { ...context, common_tls_context: commonTls(wanted) } };
  const action = { direct_response: { status: 200, body: { inline_string: 'hello' } } };
  return bootstrap('server', socket, [listener('in', action, { transport_socket })], []);
}

/** Passes what comes in plaintext on its listener NAME on over mutual TLS, with a handshake for every request. */
export function callingEnvoy(socket: string, wanted: Readonly<Record<string, Upstream>>): unknown {
  const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
  const once = {
    [options]: {
      ...type(options),
      common_http_protocol_options: { max_requests_per_connection: 1 },
      explicit_http_config: { http_protocol_options: {} },
    },
  };
  const clusters = Object.entries(wanted).map(([name, want]) => {
    const context = { ...type(`${tls}.UpstreamTlsContext`), max_session_keys: 0 };
    return {
      name,
      connect_timeout: '5s',
      typed_extension_protocol_options: once,
      load_assignment: endpoint(port(want.port), name),
      transport_socket: { name: 'tls', typed_config: { ...context, common_tls_context: commonTls(want) } },
    };
  });
  const listeners = Object.keys(wanted).map((name) => listener(name, { route: { cluster: name } }, {}));
  return bootstrap('client', socket, listeners, clusters);
}
