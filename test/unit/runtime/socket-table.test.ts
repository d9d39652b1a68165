import { endianness } from 'node:os';
import { describe, expect, test } from '@jest/globals';
import { ownerOf } from '#runtime/loopback/socket-table.ts';

const head =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n';
const tcp = `${head}   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 5001 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000  1001        0 5002 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:D431 0100007F:1F90 01 00000000:00000000 02:000009DE 00000000  1002        0 5003 2 0000000000000000 20 4 28 10 -1
   3: 0100007F:D432 0100007F:1F90 06 00000000:00000000 03:00001762 00000000     0        0 0 3 0000000000000000
`;
const tcp6 = `${head}   0: 0000000000000000FFFF00000100007F:D433 0000000000000000FFFF00000100007F:1F90 01 00000000:00000000 00:00000000 00000000  1003        0 6001 1 0000000000000000 20 4 30 10 -1
   1: 00000000000000000000000001000000:D434 00000000000000000000000001000000:1F90 01 00000000:00000000 00:00000000 00000000  1004        0 6002 1 0000000000000000 20 4 30 10 -1
`;

const at = (host: string, port: number) => ({ host, port });
const owner = (host: string, port: number): unknown => ownerOf([tcp, tcp6], at(host, port), at(host, 8080));

// The kernel prints words in the byte order of the machine; these were printed on a little-endian one.
const onLittleEndian = endianness() === 'LE' ? describe : describe.skip;

onLittleEndian('the kernel’s table of sockets', () => {
  test('tells the owner of the caller’s end, not of the server’s', () => {
    expect(owner('127.0.0.1', 0xd431)).toEqual({ uid: 1002, inode: '5003' });
    expect(ownerOf([tcp], at('127.0.0.1', 8080), at('127.0.0.1', 0xd431))).toEqual({ uid: 1001, inode: '5002' });
  });

  test('knows IPv4 that goes through an IPv6 socket, and IPv6', () => {
    expect(owner('127.0.0.1', 0xd433)).toEqual({ uid: 1003, inode: '6001' });
    expect(owner('::1', 0xd434)).toEqual({ uid: 1004, inode: '6002' });
  });

  test('has no owner for a socket that no process holds, nor for one that is not there', () => {
    expect(owner('127.0.0.1', 0xd432)).toBeUndefined();
    expect(owner('127.0.0.1', 0xd435)).toBeUndefined();
    expect(owner('127.0.0.2', 0xd431)).toBeUndefined();
    expect(ownerOf(['', ''], at('127.0.0.1', 1), at('127.0.0.1', 2))).toBeUndefined();
  });
});
