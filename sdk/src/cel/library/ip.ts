/** IP addresses and ranges: `ip('10.0.0.1')`, `cidr('10.0.0.0/8')`. */
import { boolType, intType, opaqueType, stringType, type CelType } from '../types/type.ts';
import { CelError, CelOpaque, type CelValue } from '../values/value.ts';
import {
  addressText,
  liesIn,
  maskBits,
  parseAddress,
  parseRange,
  rangeHolds,
  type Address,
  type Range,
} from './ip-address.ts';
import { overload, rewriteCost, textCost, type OfSizes, type Overload } from './overload.ts';

const ipType = opaqueType('net.IP');
const cidrType = opaqueType('net.CIDR');
const text: OfSizes = (size = 0) => textCost(size);

class CelIp extends CelOpaque {
  readonly typeName = ipType.name;
  readonly address: Address;
  constructor(address: Address) {
    super();
    this.address = address;
  }
  override equals(other: CelOpaque): boolean {
    return (
      other instanceof CelIp && this.address.family === other.address.family && this.address.bits === other.address.bits
    );
  }
  override text(): string {
    return addressText(this.address);
  }
}

class CelCidr extends CelOpaque {
  readonly typeName = cidrType.name;
  readonly range: Range;
  constructor(range: Range) {
    super();
    this.range = range;
  }
  override equals(other: CelOpaque): boolean {
    return other instanceof CelCidr && other.text() === this.text();
  }
  override text(): string {
    return `${addressText(this.range.address)}/${this.range.prefix}`;
  }
}

function ip(value: string): CelIp | CelError {
  const address = parseAddress(value);
  return typeof address === 'string'
    ? new CelError(
        `IP Address ${JSON.stringify(value.slice(0, 64))} parse error during conversion from string: ${address}`,
      )
    : new CelIp(address);
}

function cidr(value: string): CelCidr | CelError {
  const range = parseRange(value);
  return typeof range === 'string'
    ? new CelError(`network address parse error during conversion from string: ${range}`)
    : new CelCidr(range);
}

/** What is said of a text holds of the value that it is read as. */
function alsoText<T extends CelOpaque>(
  read: (text: string) => T | CelError,
  holds: (cidr: CelCidr, other: T) => boolean,
) {
  return (range: CelCidr, other: string | T): CelValue => {
    const value = typeof other === 'string' ? read(other) : other;
    return value instanceof CelError ? value : holds(range, value);
  };
}

const holdsIp = alsoText(ip, ({ range }, { address }) => rangeHolds(range, address));
const holdsCidr = alsoText(
  cidr,
  ({ range }, other) => range.prefix <= other.range.prefix && rangeHolds(range, other.range.address),
);

const linkLocal = ['169.254.0.0/16', 'fe80::/10'];
const multicast = ['224.0.0.0/4', 'ff00::/8'];
const special = [...linkLocal, ...multicast, '127.0.0.0/8', '::1/128', '0.0.0.0/32', '::/128', '255.255.255.255/32'];

const question = (name: string, holds: (address: Address) => boolean): Overload =>
  overload(name, { on: ipType, gives: boolType, run: ({ address }: CelIp) => holds(address) });

export const ipTypes: readonly string[] = [ipType.name];
export const cidrTypes: readonly string[] = [cidrType.name];

const asText = (type: CelType): Overload =>
  overload('string', {
    takes: [type],
    gives: stringType,
    resultSize: () => 64,
    run: (value: CelOpaque) => value.text(),
  });

export const ips: readonly Overload[] = [
  overload('ip', { takes: [stringType], gives: ipType, cost: text, run: ip }),
  overload('isIP', {
    takes: [stringType],
    gives: boolType,
    cost: text,
    run: (value: string) => ip(value) instanceof CelIp,
  }),
  overload('ip.isCanonical', {
    takes: [stringType],
    gives: boolType,
    cost: (size = 0) => rewriteCost(size),
    run: (value: string) => {
      const parsed = ip(value);
      return parsed instanceof CelIp ? parsed.text() === value : parsed;
    },
  }),
  asText(ipType),
  overload('family', { on: ipType, gives: intType, run: ({ address }: CelIp) => BigInt(address.family) }),
  question('isUnspecified', ({ bits }) => bits === 0n),
  question('isLoopback', (address) => liesIn(address, ['127.0.0.0/8', '::1/128'])),
  question('isLinkLocalMulticast', (address) => liesIn(address, ['224.0.0.0/24', 'ff02::/16'])),
  question('isLinkLocalUnicast', (address) => liesIn(address, linkLocal)),
  question('isGlobalUnicast', (address) => !liesIn(address, special)),
];

export const cidrs: readonly Overload[] = [
  overload('cidr', { takes: [stringType], gives: cidrType, cost: text, run: cidr }),
  overload('isCIDR', {
    takes: [stringType],
    gives: boolType,
    cost: text,
    run: (value: string) => cidr(value) instanceof CelCidr,
  }),
  asText(cidrType),
  ...[ipType, stringType].map((type) =>
    overload('containsIP', {
      on: cidrType,
      takes: [type],
      gives: boolType,
      cost: (_, size = 0) => 2 + text(size),
      run: holdsIp,
    }),
  ),
  ...[cidrType, stringType].map((type) =>
    overload('containsCIDR', {
      on: cidrType,
      takes: [type],
      gives: boolType,
      cost: (_, size = 0) => 5 + text(size),
      run: holdsCidr,
    }),
  ),
  overload('ip', { on: cidrType, gives: ipType, run: ({ range }: CelCidr) => new CelIp(range.address) }),
  overload('masked', {
    on: cidrType,
    gives: cidrType,
    run: ({ range: { address, prefix } }: CelCidr) =>
      new CelCidr({ address: { ...address, bits: maskBits(address, prefix) }, prefix }),
  }),
  overload('prefixLength', { on: cidrType, gives: intType, run: ({ range }: CelCidr) => BigInt(range.prefix) }),
];
