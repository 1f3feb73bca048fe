import { describe, expect, it } from '@jest/globals';
import { manualEnv } from '@timonel/testkit';
import { dialAddress, mayDial } from './dial-address.ts';
import { portNumber, schemeNamePort } from './scheme-name-port.ts';

describe('names below a proxy', () => {
  it.each([
    ['web', false, 'web', ''],
    ['web:', false, 'web', ''],
    ['web:80', false, 'web', '80'],
    ['web:http', false, 'web', 'http'],
    ['http:web:80', false, 'web', '80'],
    ['https:web:', true, 'web', ''],
    [':web:80', false, 'web', '80'],
  ])('%s', (id, secure, name, port) => {
    expect(schemeNamePort(id, 'service')).toEqual({ secure, name, port });
  });

  it.each(['', ':80', 'https::80', 'ftp:web:80', 'a:b:c:d'])('are refused: %j', (id) => {
    expect(() => schemeNamePort(id, 'service')).toThrow(`invalid service request "${id}"`);
  });

  it('hold numbers from 1 to 65535', () => {
    expect(['1', '65535', '0', '65536', '', '1e3', ' 1', '-1'].map(portNumber)).toEqual([
      1,
      65_535,
      ...Array.from({ length: 6 }, () => undefined),
    ]);
  });
});

it.each([
  '127.0.0.1',
  '0.0.0.0',
  '169.254.169.254',
  '224.0.0.1',
  '::1',
  '::',
  'fe80::1',
  '::ffff:127.0.0.1',
  '0:0:0:0:0:0:0:1',
  '0::1',
  '::0',
  '0:0:0:0:0:ffff:7f00:1',
  '::FFFF:10.0.0.1',
  '::127.0.0.1',
  '::7f00:1',
  '::1%lo',
  'fd00::1%eth0',
  'FE80:0::1',
  'febf::1',
  'ff02::1',
  '239.255.255.255',
  '255.255.255.255',
  'web',
  '',
])('the server does not dial %s for anybody', async (address) => {
  await expect(dialAddress(manualEnv(), address, 80)).rejects.toMatchObject({ reason: 'BadRequest' });
});

it.each([
  '10.0.0.1',
  '1.0.0.0',
  '126.255.255.255',
  '128.0.0.1',
  '169.253.0.1',
  '223.255.255.255',
  '240.0.0.1',
  'fd00::1',
  '2001:DB8::7f00:1',
  'fec0::1',
  '::1:0:0:1',
])('the server dials %s', (address) => {
  expect(mayDial(address)).toBe(true);
});
