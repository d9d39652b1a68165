import type { Facts } from './facts.ts';
import { lookAtPath } from './look-at-path.ts';
import { readText } from './read-attribute.ts';
import { isToken } from './scan-headers.ts';
import { plainPath } from './scan-path.ts';

/**
 * Reads method, host, path and header names of a request, and says why it must be refused (400), if it must:
 * for what no HTTP server should accept, and for a path that cannot be read in one way only.
 */
export function readRequest(facts: Facts, scanHeaders: boolean): string | undefined {
  const { bag, settings } = facts;
  facts.method = readText(bag, 'request.method') ?? pseudoHeader(facts, ':method');
  facts.host = readText(bag, 'request.host') ?? pseudoHeader(facts, ':authority') ?? pseudoHeader(facts, 'host');
  facts.rawPath = readText(bag, 'request.path') ?? pseudoHeader(facts, ':path');
  if (scanHeaders) {
    const headers = facts.headerMap;
    if (headers !== undefined) {
      const scan = settings.headerScanner.scan(headers, facts.host);
      if (settings.strict && scan.fault !== undefined) return scan.fault;
      facts.oddHeaderNames = scan.odd;
    }
  }
  if (settings.strict) {
    if (facts.method !== undefined && !isToken(facts.method)) return 'the method is no token';
    if (facts.host !== undefined && settings.hosts.isBroken(facts.host))
      return 'the host has a control character or a space';
  }
  return facts.rawPath === undefined ? undefined : readPath(facts, facts.rawPath);
}

/** SNI is read with every protocol. */
export function hasBrokenSni(facts: Facts): boolean {
  const sni = facts.sni;
  return sni !== undefined && facts.settings.serverNames.isBroken(sni);
}

function readPath(facts: Facts, raw: string): string | undefined {
  facts.path = plainPath(raw);
  if (facts.path !== undefined) return undefined;
  const read = lookAtPath(facts.settings, facts.method, raw);
  facts.path = read.path;
  return read.fault;
}

function pseudoHeader(facts: Facts, name: string): string | undefined {
  return facts.headerMap?.get(name);
}
