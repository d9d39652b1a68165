import { describe, expect, test } from '@jest/globals';
import { mayFetchFrom, readAllowedHosts } from '#services/keys/address-rules.ts';
import { checkedLookup, refuseAddress } from '#services/keys/connect-checked.ts';

const nobody = readAllowedHosts([]);

describe('without permission, only public addresses are asked', () => {
  test.each([
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '100.100.100.200', '127.0.0.1', '127.255.0.1', '169.254.169.254'],
    ...['172.16.0.1', '172.31.255.255', '192.0.0.192', '192.168.1.1', '198.18.0.1', '224.0.0.1', '239.1.1.1'],
    ...['240.0.0.1', '255.255.255.255', '168.63.129.16', '192.0.2.1', '203.0.113.9'],
    ...['::', '::1', '::ffff:127.0.0.1', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '::7f00:1', 'fc00::1'],
    ...['fd00:ec2::254', 'fe80::1', 'febf::1', 'fec0::1', 'ff02::1', '64:ff9b::7f00:1', '64:ff9b::a9fe:a9fe'],
    ...['64:ff9b:1::1', '2002:7f00:1::', '2001::1', '2001:db8::1', '100::1', 'fe80::1%eth0', 'not an address', ''],
  ])('%s is refused', (address) => {
    expect(mayFetchFrom(address, 'idp.example', nobody)).toBe(false);
  });

  test.each([
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.0.1',
    '2606:4700::1',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
  ])('%s is not', (address) => {
    expect(mayFetchFrom(address, 'idp.example', nobody)).toBe(true);
  });
});

describe('permission', () => {
  test('by name opens private addresses under that name alone', () => {
    const allowed = readAllowedHosts(['IdP.internal', 'localhost']);
    expect(mayFetchFrom('10.0.0.7', 'idp.internal.', allowed)).toBe(true);
    expect(mayFetchFrom('127.0.0.1', 'localhost', allowed)).toBe(true);
    expect(mayFetchFrom('10.0.0.7', 'other.internal', allowed)).toBe(false);
    expect(mayFetchFrom('10.0.0.7', 'x.idp.internal', allowed)).toBe(false);
  });

  test.each(['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254', 'fd00:ec2::254', '100.100.100.200', '224.0.0.1'])(
    'by name does not open %s, by block it does',
    (address) => {
      expect(mayFetchFrom(address, 'idp.internal', readAllowedHosts(['idp.internal']))).toBe(false);
      expect(mayFetchFrom(address, 'idp.internal', readAllowedHosts([address]))).toBe(true);
    },
  );

  test('by block counts for mapped spellings too', () => {
    const allowed = readAllowedHosts(['10.0.0.0/8', 'fd00::/8']);
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd12::1'])
      expect(mayFetchFrom(address, 'x', allowed)).toBe(true);
    expect(mayFetchFrom('11.0.0.1', 'x', readAllowedHosts(['11.0.0.0/31']))).toBe(true);
    expect(mayFetchFrom('192.168.0.1', 'x', allowed)).toBe(false);
  });
});

describe('a URL', () => {
  test.each([
    ...['http://127.0.0.1/', 'http://127.1/', 'http://2130706433/', 'http://0x7f000001/', 'http://0177.0.0.1/'],
    ...['http://017700000001/', 'http://0x7f.1/', 'https://[::1]/', 'https://[::ffff:7f00:1]/', 'http://0/'],
    ...['http://169.254.169.254/', 'http://2852039166/', 'http://0xa9fea9fe/', 'http://[::ffff:169.254.169.254]/'],
    ...['http://１２７.0.0.1/', 'http://127。0。0。1/', 'http://127.0.0.1./'],
  ])('%s is refused before anything is looked up', (url) => {
    expect(() => refuseAddress(new URL(url), nobody)).toThrow(/keys are not fetched from/);
  });
});

describe('a lookup', () => {
  const look = (addresses: string[], host = 'idp.example') =>
    new Promise((resolve, reject) => {
      const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      const lookup = checkedLookup(() => Promise.resolve(found), nobody);
      lookup(host, { all: true }, (error, result) => (error === null ? resolve(result) : reject(error)));
    });

  test('hands over the very addresses that were checked', async () => {
    await expect(look(['8.8.8.8', '2606:4700::1'])).resolves.toEqual([
      { address: '8.8.8.8', family: 4 },
      { address: '2606:4700::1', family: 6 },
    ]);
  });

  test.each([[['10.0.0.1']], [['8.8.8.8', '127.0.0.1']], [['::ffff:10.0.0.1']], [[]]])(
    'refuses %j',
    async (addresses) => {
      await expect(look(addresses)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    },
  );
});
