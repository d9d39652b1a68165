import { formatAddress } from '../address.ts';

/** A configuration as people wrote it, for the admin page: addresses as text. */
export function showConfig(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(showConfig);
  if (value instanceof Map) return showConfig(Object.fromEntries(value as Map<string, unknown>));
  if (typeof value !== 'object' || value === null) return value;
  if ('host' in value && 'port' in value) return formatAddress(value as { host: string; port: number });
  if ('path' in value && Object.keys(value).length === 1) return formatAddress(value as { path: string });
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, showConfig(item)]));
}
