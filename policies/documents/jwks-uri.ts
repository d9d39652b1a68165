import { readAddress } from '../compile/address.ts';
import { check, quoteable, string } from '#schema/index.ts';
import type { Shape } from '#schema/index.ts';

const maxLength = 2048;

/** Where keys may be fetched from. Addresses that only the machine itself should reach are refused here, and again when fetched. */
export const jwksUri: Shape<string> = check(
  string({ minLength: 1, maxLength }),
  (value, here) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    const shown = quoteable(value);
    if (url === undefined || !/^https?:\/\/[^/]/i.test(value)) {
      here.fault(`\`${shown}\` is not an http or https URL`, 'write it as `https://issuer.example/keys.json`');
    } else if (url.port === '0') {
      here.fault(`\`${shown}\` has no usable port`, 'write a port from 1 to 65535');
    } else if (url.username !== '' || url.password !== '') {
      here.fault('must not hold a user or password', 'remove what stands before `@`');
    } else if (isMachineLocal(url.hostname)) {
      here.fault(`\`${shown}\` is a link-local or metadata address`, 'name a server that everybody may ask');
    }
  },
  { pattern: '^[hH][tT][tT][pP][sS]?://' },
);

/** Link-local addresses, where clouds serve credentials, and the metadata services that live elsewhere (GHSA-fgw5-hp8f-xfhc). */
function isMachineLocal(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (['metadata', 'metadata.google.internal', 'instance-data', '100.100.100.200', '192.0.0.192'].includes(host))
    return true;
  const address = readAddress(host, true);
  if (address === undefined) return false;
  const first = address.words[0] ?? 0;
  if (address.family === 4) return first >>> 16 === 0xa9fe;
  // fe80::/10, and fd00:ec2::254 of EC2.
  return first >>> 22 === 0x3fa || (first >>> 0 === 0xfd000ec2 && address.words[3] === 0x254);
}
