import type { Service } from '@timonel/sdk/kube';
import { familyOf, textsOf, type Family } from './family-fill.ts';

/** The cluster IPs of a service: a place for each of its families, in their order. */
export class AddressSlots {
  readonly #spec: Service['spec'];
  readonly #before: readonly string[];
  readonly #families: readonly Family[];

  /** `before`: what it held. */
  constructor(spec: Service['spec'], before: Service['spec'] | undefined) {
    this.#spec = spec;
    this.#before = before === undefined ? [] : addressesIn(before);
    const families = textsOf(spec.ipFamilies) as Family[];
    this.#families = families.length > 0 ? families : ['IPv4'];
  }

  /** Those without an address. Of a headless service there are none. */
  empty(): readonly { readonly index: number; readonly family: Family }[] {
    if (this.#spec.clusterIP === 'None') return [];
    const addresses = addressesIn(this.#spec);
    return this.#families.flatMap((family, index) => (addresses[index] ? [] : [{ index, family }]));
  }

  /** The address that stood there before, of the same family. */
  formerly(index: number): string | undefined {
    const address = this.#before[index];
    return address !== undefined && address !== '' && familyOf(address) === this.#families[index] ? address : undefined;
  }

  set(index: number, address: string): void {
    const addresses = addressesIn(this.#spec);
    addresses[index] = address;
    this.#write(addresses);
  }

  clear(index: number): void {
    const addresses = addressesIn(this.#spec);
    addresses[index] = '';
    while (addresses.at(-1) === '') addresses.pop();
    this.#write(addresses);
  }

  #write(addresses: readonly string[]): void {
    const [first = ''] = addresses;
    if (addresses.length === 0) delete this.#spec.clusterIPs;
    else this.#spec.clusterIPs = Array.from(addresses, (address) => address ?? '');
    if (first === '') delete this.#spec.clusterIP;
    else this.#spec.clusterIP = first;
  }
}

function addressesIn(spec: Service['spec']): string[] {
  const listed = textsOf(spec.clusterIPs);
  return listed.length > 0 ? listed : spec.clusterIP ? [spec.clusterIP] : [];
}
