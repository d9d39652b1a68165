import { MapBag } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import { readAddress } from '../compile/address.ts';
import type { Workload } from '../compile/select.ts';
import { otherPrincipalsAttribute } from '../decide/facts.ts';
import { metadataAttribute, metadataEntry } from '../decide/metadata.ts';
import { certificateFaultAttribute } from '../decide/refuse-peer.ts';
import { profileIn } from '../documents/mesh.ts';
import type { Mesh, Profile } from '../documents/mesh.ts';
import { readCertificate } from './certificate.ts';
import type { Request } from './request-shape.ts';
import { lowerCase } from '../decide/lower-case.ts';

/** The bag that a sidecar beside the workload would make of the request. */
export function bagOf(request: Request, workload: Workload, mesh: Mesh): MapBag {
  const values = new Map<string, AttributeValue>();
  const put = (name: string, value: AttributeValue | undefined): void => {
    if (value !== undefined) values.set(name, value);
  };
  put('context.protocol', request.protocol);
  put('context.reporter.kind', 'inbound');
  putDestination(put, request, workload, mesh);
  putSource(put, request, profileIn(mesh, workload.namespace));
  put('connection.requested_server_name', request.sni);
  if (request.protocol !== 'tcp') putRequest(put, request);
  const metadata = metadataOf(request.metadata);
  if (metadata.size > 0) put(metadataAttribute, metadata);
  return new MapBag(values);
}

type Put = (name: string, value: AttributeValue | undefined) => void;

function putDestination(put: Put, { destination }: Request, workload: Workload, mesh: Mesh): void {
  const { namespace, name, serviceAccount, labels, gateway, services } = workload;
  put('destination.namespace', namespace);
  put('destination.workload.namespace', namespace);
  put('destination.workload.name', name);
  put('destination.uid', `garrison://${namespace}/${name}`);
  put('destination.principal', `${mesh.trustDomain}/ns/${namespace}/sa/${serviceAccount}`);
  put('destination.labels', labels);
  if (gateway) put('garrison.destination.gateway', true);
  if (services.length > 0) put('garrison.destination.services', services.join(','));
  put('destination.ip', addressBytes(destination?.ip));
  put('destination.port', destination?.port === undefined ? undefined : BigInt(destination.port));
}

function putSource(put: Put, { source }: Request, profile: Profile): void {
  if (source === undefined) return;
  const { ip, port, remoteIp, proxiedIp, certificate } = source;
  put('source.ip', addressBytes(ip));
  put('source.port', port === undefined ? undefined : BigInt(port));
  put('origin.ip', addressBytes(remoteIp));
  put('garrison.source.proxied_ip', addressBytes(proxiedIp));
  const read = certificate === undefined ? undefined : readCertificate(certificate, profile);
  const principal = read === undefined ? source.principal?.replace(/^spiffe:\/\//, '') : read.principal;
  put('source.principal', principal);
  if (read !== undefined && read.others.length > 0) put(otherPrincipalsAttribute, read.others.join('\n'));
  put(certificateFaultAttribute, read?.fault);
  put('connection.mtls', principal !== undefined || read !== undefined);
}

function putRequest(put: Put, { http, protocol, token }: Request): void {
  put('request.method', http?.method ?? (protocol === 'grpc' ? 'POST' : 'GET'));
  put('request.host', http?.host);
  put('request.path', http?.path ?? '/');
  put('request.scheme', http?.scheme);
  const lines: [string, string][] = (http?.headers ?? []).map(([name, value]) => [lowerCase(name), value]);
  if (token !== undefined) lines.push(['authorization', `Bearer ${token}`]);
  const byName = Map.groupBy(lines, ([name]) => name);
  const values = new Map([...byName].map(([name, all]) => [name, all.map(([, value]) => value)]));
  put('request.headers', new Map([...values].map(([name, all]) => [name, all.join(',')])));
  const repeated = [...values].filter(([, all]) => all.length > 1);
  if (repeated.length > 0)
    put('garrison.request.repeated_headers', new Map(repeated.map(([name, all]) => [name, all.join('\n')])));
}

/**
 * An address with a zone (`fe80::1%eth0`) is known to no list of addresses, so it is as if it were unknown (CVE-2026-26310).
 * The suite's reader has refused whatever else is no address.
 */
function addressBytes(text: string | undefined): Uint8Array | undefined {
  const address = text === undefined ? undefined : readAddress(text, false);
  return (
    address && Uint8Array.from(address.words.flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff)))
  );
}

function metadataOf(filters: Request['metadata']): Map<string, string> {
  const entries = new Map<string, string>();
  for (const [filter, keys] of filters) {
    for (const [key, value] of keys) {
      // What is neither text nor a list of texts matches nothing, as upstream.
      if (typeof value === 'string' || isTexts(value)) entries.set(...metadataEntry(filter, key, value));
    }
  }
  return entries;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((element) => typeof element === 'string');
}
