import { describe, expect, it } from '@jest/globals';
import { parseInterfaces } from './node-stats.ts';

const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  111      1    0    0    0     0          0         0      111       1    0    0    0     0       0          0
  eth0: 2048     16    1    0    0     0          0         0     4096      17    2    0    0     0       0          0
`;

describe('interfaces of a network', () => {
  it('are those of proc(5), but the loopback', () => {
    expect(parseInterfaces(text)).toEqual([
      { name: 'eth0', receivedBytes: 2048, receiveErrors: 1, sentBytes: 4096, sendErrors: 2 },
    ]);
    expect(parseInterfaces('')).toEqual([]);
  });
});
