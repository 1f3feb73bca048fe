/** Answers for the cluster's domain, and for addresses of its services. Source: the Kubernetes DNS specification 1.1.0. */
import { rcodes } from '../wire/constants.ts';
import type { DnsRecord, Response } from '../wire/response.ts';
import type { ClusterNames } from './cluster-names.ts';
import { addressOfReverseName } from './reverse-name.ts';
import type { Addresses, ServiceNames, ServiceTarget } from './service-names.ts';

export interface ZoneOptions {
  /** In lower case, without a dot at the end. */
  readonly domain: string;
  readonly ttlSeconds: number;
}

export interface ZoneAnswer extends Response {
  /** The name is another one of this, whose records are wanted too: it is the end of `answers`. */
  readonly alias?: string;
}

const specificationVersion = '1.1.0';

/** What a name has: records by type; a name without any exists all the same. */
interface Node {
  readonly addresses?: Addresses;
  readonly alias?: string;
  readonly services?: { readonly targets: readonly ServiceTarget[]; readonly of: ServiceNames; readonly below: string };
  readonly text?: string;
  readonly apex?: true;
}

export class Zone {
  readonly #names: ClusterNames;
  readonly #options: ZoneOptions;
  readonly #suffix: string;

  constructor(names: ClusterNames, options: ZoneOptions) {
    this.#names = names;
    this.#options = options;
    this.#suffix = `.${options.domain}`;
  }

  /** Whether names like this one are answered here and nowhere else. */
  owns(name: string): boolean {
    return name === this.#options.domain || name.endsWith(this.#suffix);
  }

  /** Of a name that it owns. `type`: as in records; what is not known has no records. */
  answer(name: string, type: string): ZoneAnswer {
    const node = this.#find(name.slice(0, -this.#suffix.length).split('.').reverse(), name);
    if (node === undefined) return this.#negative(rcodes.NXDOMAIN);
    const { ttlSeconds: ttl } = this.#options;
    if (node.alias !== undefined) {
      const answers: DnsRecord[] = [{ name, ttl, type: 'CNAME', data: node.alias }];
      const ends = type === 'CNAME' || type === 'ANY';
      return { rcode: rcodes.NOERROR, authoritative: true, answers, ...(ends ? {} : { alias: node.alias }) };
    }
    const [answers, additionals] = this.#records(node, name, type);
    if (answers.length === 0) return this.#negative(rcodes.NOERROR);
    return { rcode: rcodes.NOERROR, authoritative: true, answers, additionals };
  }

  /** Names of an address of the cluster, as `10.0.96.10.in-addr.arpa` asks for them. Undefined: it is none. */
  reverse(name: string, type: string): ZoneAnswer | undefined {
    const address = addressOfReverseName(name);
    const pointers = address === undefined ? [] : this.#names.pointersOf(address);
    if (pointers.length === 0) return undefined;
    if (type !== 'PTR') return this.#negative(rcodes.NOERROR);
    const answers = pointers.map(({ service, host }): DnsRecord => {
      const [namespace = '', service_ = ''] = service.split('/');
      const data = `${host === undefined ? '' : `${host}.`}${service_}.${namespace}.svc.${this.#options.domain}`;
      return { name, ttl: this.#options.ttlSeconds, type: 'PTR', data };
    });
    return { rcode: rcodes.NOERROR, authoritative: true, answers };
  }

  /** `labels`: from the domain's side. Undefined: there is no such name. */
  #find(labels: readonly string[], name: string): Node | undefined {
    if (name === this.#options.domain) return { apex: true };
    const [kind, namespace, service, third, fourth] = labels;
    if (labels.length === 1 && kind === 'dns-version') return { text: specificationVersion };
    if (labels.length === 2 && `${namespace}.${kind}` === 'ns.dns') return {};
    if (kind !== 'svc' && kind !== 'pod') return kind === 'dns' && labels.length === 1 ? {} : undefined;
    if (namespace === undefined) return {};
    if (kind === 'pod') return this.#pod(labels.slice(2), namespace);
    if (service === undefined) return this.#names.hasNamespace(namespace) ? {} : undefined;
    const names = this.#names.service(namespace, service);
    if (names === undefined || labels.length > 5) return undefined;
    if (third === undefined)
      return { addresses: names.addresses, ...(names.externalName ? { alias: names.externalName } : {}) };
    if (fourth === undefined) return this.#belowService(names, third);
    const targets = names.ports.get(`${fourth}.${third}`);
    if (targets === undefined) return undefined;
    return { services: { targets, of: names, below: name.slice(fourth.length + third.length + 2) } };
  }

  #belowService(names: ServiceNames, label: string): Node | undefined {
    const addresses = names.hosts.get(label);
    if (addresses !== undefined) return { addresses };
    return [...names.ports.keys()].some((key) => key.endsWith(`.${label}`)) ? {} : undefined;
  }

  /** `1-2-3-4.namespace.pod`: the address is in the name itself. */
  #pod(labels: readonly string[], namespace: string): Node | undefined {
    if (!this.#names.hasNamespace(namespace) || labels.length > 1) return undefined;
    const [label] = labels;
    if (label === undefined) return {};
    const address = label.replaceAll('-', '.');
    const valid = /^\d{1,3}(\.\d{1,3}){3}$/.test(address) && address.split('.').every((part) => Number(part) < 256);
    return valid ? { addresses: { ipv4: [address], ipv6: [] } } : undefined;
  }

  #records(node: Node, name: string, type: string): [answers: DnsRecord[], additionals: DnsRecord[]] {
    const { ttlSeconds: ttl, domain } = this.#options;
    if (node.apex) return [type === 'SOA' ? [this.#soa()] : type === 'NS' ? [this.#ns(domain)] : [], []];
    if (node.text !== undefined) return [type === 'TXT' ? [{ name, ttl, type: 'TXT', data: node.text }] : [], []];
    if (node.services !== undefined) return type === 'SRV' ? this.#serviceRecords(node.services, name) : [[], []];
    return [node.addresses === undefined ? [] : this.#addressRecords(node.addresses, name, type), []];
  }

  #addressRecords({ ipv4, ipv6 }: Addresses, name: string, type: string): DnsRecord[] {
    const { ttlSeconds: ttl } = this.#options;
    if (type === 'A') return ipv4.map((data) => ({ name, ttl, type: 'A', data }));
    if (type === 'AAAA') return ipv6.map((data) => ({ name, ttl, type: 'AAAA', data }));
    return [];
  }

  #serviceRecords({ targets, of, below }: NonNullable<Node['services']>, name: string): [DnsRecord[], DnsRecord[]] {
    const { ttlSeconds: ttl } = this.#options;
    const answers: DnsRecord[] = [];
    const additionals: DnsRecord[] = [];
    // Equal shares of them all.
    const weight = Math.max(1, Math.floor(100 / targets.length));
    for (const { port, host } of targets) {
      const target = host === undefined ? below : `${host}.${below}`;
      answers.push({ name, ttl, type: 'SRV', port, target, weight });
      const addresses = host === undefined ? of.addresses : of.hosts.get(host);
      if (addresses === undefined) continue;
      additionals.push(
        ...this.#addressRecords(addresses, target, 'A'),
        ...this.#addressRecords(addresses, target, 'AAAA'),
      );
    }
    return [answers, additionals];
  }

  #negative(rcode: Response['rcode']): ZoneAnswer {
    return { rcode, authoritative: true, answers: [], authorities: [this.#soa()] };
  }

  #ns(domain: string): DnsRecord {
    return { name: domain, ttl: this.#options.ttlSeconds, type: 'NS', data: `ns.dns.${domain}` };
  }

  #soa(): DnsRecord {
    const { domain, ttlSeconds } = this.#options;
    const primary = `ns.dns.${domain}`;
    return { name: domain, ttl: ttlSeconds, type: 'SOA', primary, serial: this.#names.version, minimum: ttlSeconds };
  }
}
