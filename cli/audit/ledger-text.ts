import { printable } from '../printable.ts';

interface LedgerRecord {
  readonly time: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** A record of what the certificate authority did, in two lines; undefined for a record of a request. */
export function ledgerText({ time, attributes = {} }: LedgerRecord): string | undefined {
  const said = (name: string): string | undefined => {
    const value = attributes[`garrison.identity.${name}`];
    return typeof value === 'string' ? value : undefined;
  };
  const event = said('event');
  if (event === undefined) return undefined;
  const subject = said('serial') ?? said('token_hash') ?? '';
  const [caller, grant, reason] = ['caller', 'grant', 'reason'].map((name) => said(name));
  const why = reason === undefined ? '' : `; ${reason}`;
  return [
    printable(`${time}  ${event.padEnd(7)}  ${said('spiffe_id') ?? ''}  ${subject}`),
    printable(
      `    ${said('profile') ?? 'JWT-SVID'}, asked by ${caller ?? 'nobody'}, by right of ${grant ?? 'nothing'}${why}`,
    ),
  ].join('\n');
}
