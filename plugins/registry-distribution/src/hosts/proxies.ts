/** Proxies on the way to registries, as programs are told of them: by settings, or by the environment of the process. */
import { BlockList, isIP } from 'node:net';
import { addressClass } from '@timonel/sdk/tunnel';
import type { RegistryConfig } from '../config.ts';
import { untrusted } from '../failure.ts';

export type ProxyConfig = Pick<RegistryConfig, 'httpsProxy' | 'httpProxy' | 'noProxy'>;

interface Setting {
  readonly name: string;
  readonly value: string;
}

export class Proxies {
  readonly #https: Setting;
  readonly #http: Setting;
  readonly #straight: readonly string[];

  constructor(config: ProxyConfig, environment: Readonly<Record<string, string | undefined>> = process.env) {
    const setting = (key: keyof ProxyConfig, variable: string): Setting => {
      if (config[key] !== '') return { name: key, value: config[key] };
      const value = environment[variable] ?? environment[variable.toLowerCase()] ?? '';
      return { name: variable, value };
    };
    this.#https = setting('httpsProxy', 'HTTPS_PROXY');
    this.#http = setting('httpProxy', 'HTTP_PROXY');
    const { value } = setting('noProxy', 'NO_PROXY');
    this.#straight = value.split(/[\s,]+/).filter((entry) => entry !== '');
  }

  /** Undefined: straight, as to this node itself always. @throws RegistryFailure untrusted, for a setting that cannot be */
  for(url: URL): URL | undefined {
    const { name, value } = url.protocol === 'https:' ? this.#https : this.#http;
    if (value === '' || value === 'none' || addressClass(url.hostname) !== 'elsewhere') return undefined;
    if (this.#straight.some((entry) => isOf(entry, url))) return undefined;
    const text = value.includes('://') ? value : `http://${value}`;
    const proxy = URL.canParse(text) ? new URL(text) : undefined;
    if (proxy?.protocol === 'http:' && proxy.hostname !== '') return proxy;
    throw untrusted(`${name} names no proxy that can be used`, 'give http://HOST:PORT, or none');
  }
}

/** Whether a host is one of NO_PROXY: `*`, a domain with all below it, an address or a network, each with or without a port. */
function isOf(entry: string, { hostname, port, protocol }: URL): boolean {
  if (entry === '*') return true;
  const [, named = entry, wanted] = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(entry) ?? [];
  const used = port === '' ? (protocol === 'https:' ? '443' : '80') : port;
  if (wanted !== undefined && wanted !== used) return false;
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const name = named.replace(/^\[|\]$/g, '').toLowerCase();
  const [network = '', bits] = name.split('/');
  const family = isIP(network);
  if (family !== 0) return isIP(host) === family && inNetwork(host, network, bits);
  const domain = name.replace(/^\*?\./, '');
  return (name === domain && host === domain) || host.endsWith(`.${domain}`);
}

function inNetwork(host: string, network: string, bits: string | undefined): boolean {
  if (bits === undefined) return host === network;
  const kind = isIP(network) === 4 ? 'ipv4' : 'ipv6';
  const prefix = Number(bits);
  if (!/^\d{1,3}$/.test(bits) || prefix > (kind === 'ipv4' ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, prefix, kind);
  return list.check(host, kind);
}

/** What a proxy is told of who asks. */
export function proxyHeaders({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
