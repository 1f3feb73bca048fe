import { describe, expect, it } from '@jest/globals';
import { Proxies, proxyHeaders } from './proxies.ts';

const none = { httpsProxy: '', httpProxy: '', noProxy: '' };
const used = (proxies: Proxies, address: string): string | undefined => proxies.for(new URL(address))?.href;

describe('the proxy of a registry', () => {
  it('is that of the settings, else of the environment, in capital or small letters', () => {
    const environment = { HTTPS_PROXY: 'http://a:3128', http_proxy: 'b', NO_PROXY: 'straight.example' };
    const told = new Proxies(none, environment);
    expect(used(told, 'https://r.example/v2/')).toBe('http://a:3128/');
    expect(used(told, 'http://r.example/v2/')).toBe('http://b/');
    expect(used(told, 'https://straight.example')).toBeUndefined();
    const set = new Proxies({ httpsProxy: 'http://c', httpProxy: 'none', noProxy: 'other.example' }, environment);
    expect(used(set, 'https://straight.example')).toBe('http://c/');
    expect(used(set, 'http://r.example')).toBeUndefined();
    expect(used(set, 'https://other.example')).toBeUndefined();
    expect(used(new Proxies(none, {}), 'https://r.example')).toBeUndefined();
  });

  it.each(['https://127.0.0.1:5000', 'http://localhost:5000', 'https://[::1]', 'http://169.254.1.1'])(
    'is not asked for %s, which is this node',
    (address) => {
      expect(
        used(new Proxies({ ...none, httpsProxy: 'http://p', httpProxy: 'http://p' }, {}), address),
      ).toBeUndefined();
    },
  );

  it.each([
    ['*', 'https://r.example', true],
    ['r.example', 'https://r.example', true],
    ['R.Example', 'https://r.example', true],
    ['example', 'https://r.example', true],
    ['.example', 'https://r.example', true],
    ['*.r.example', 'https://x.r.example', true],
    ['xample', 'https://r.example', false],
    ['r.example:5000', 'https://r.example:5000', true],
    ['r.example:5000', 'https://r.example', false],
    ['r.example:443', 'https://r.example', true],
    ['10.0.0.0/8', 'https://10.1.2.3:5000', true],
    ['10.0.0.0/8', 'https://11.1.2.3', false],
    ['10.0.0.0/99', 'https://10.1.2.3', false],
    ['10.1.2.3', 'https://10.1.2.3', true],
    ['fd00::/8', 'https://[fd00::1]:5000', true],
    ['[fd00::1]:5000', 'https://[fd00::1]:5000', true],
    ['a, r.example', 'https://r.example', true],
    [',,', 'https://r.example', false],
  ])('with %j in noProxy, asked for %s: straight is %s', (noProxy, address, straight) => {
    const proxies = new Proxies({ ...none, httpsProxy: 'http://p', noProxy }, {});
    expect(used(proxies, address) === undefined).toBe(straight);
  });

  it.each(['https://p', 'socks5://p', 'http://', '::'])('is refused by the name of its setting: %j', (value) => {
    const named = { kind: 'untrusted', advice: 'give http://HOST:PORT, or none' };
    const asked = (proxies: Proxies) => () => proxies.for(new URL('https://r.example'));
    expect(asked(new Proxies({ ...none, httpsProxy: value }, {}))).toThrow(
      expect.objectContaining({ ...named, message: 'httpsProxy names no proxy that can be used' }),
    );
    expect(asked(new Proxies(none, { HTTPS_PROXY: value }))).toThrow(
      expect.objectContaining({ ...named, message: 'HTTPS_PROXY names no proxy that can be used' }),
    );
  });

  it('gets the name and password of its address', () => {
    expect(proxyHeaders(new URL('http://ana:p%40ss@p'))).toEqual({
      'proxy-authorization': `Basic ${Buffer.from('ana:p@ss').toString('base64')}`,
    });
    expect(proxyHeaders(new URL('http://p'))).toEqual({});
  });
});
