/**
 * Text for `nft -f -`: elements of maps and sets, whole and as changes, and chains. Source: nft(8). A transaction is one text: all of it
 * is done, or nothing.
 */

/** Of a map, or of a set, whose values are ''. */
export type NftElements = ReadonlyMap<string, string>;

function elementText(key: string, value: string): string {
  return value === '' ? key : `${key} : ${value}`;
}

/** A map or set as part of a table. `definition`: its type and flags, a line each. */
export function nftSet(
  type: 'map' | 'set',
  name: string,
  definition: readonly string[],
  elements: NftElements,
): string {
  const list = [...elements].map(([key, value]) => elementText(key, value)).join(',\n      ');
  const text = elements.size === 0 ? '' : `    elements = {\n      ${list}\n    }\n`;
  return `  ${type} ${name} {\n${definition.map((line) => `    ${line}\n`).join('')}${text}  }\n`;
}

/** A chain as part of a table. */
export function nftChain(name: string, lines: readonly string[]): string {
  return `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join('')}  }\n`;
}

/** Commands that make `after` of `before`. `place`: family, table and name, `ip services_table services`. */
export function nftElementChanges(place: string, before: NftElements, after: NftElements): string[] {
  const changed = [...after].filter(([key, value]) => before.get(key) !== value);
  const gone = [...before.keys()].filter((key) => !after.has(key));
  const replaced = changed.flatMap(([key]) => (before.has(key) ? [key] : []));
  const added = changed.map(([key, value]) => elementText(key, value));
  const command = (verb: string, elements: readonly string[]): string[] =>
    elements.length === 0 ? [] : [`${verb} element ${place} { ${elements.join(', ')} }`];
  return [...command('delete', [...gone, ...replaced]), ...command('add', added)];
}

/** Flows of UDP by where their clients send to, and by who answers. */
export interface UdpFlows {
  readonly family: 4 | 6;
  readonly address?: string;
  readonly port: string;
  readonly replyAddress?: string;
  readonly replyPort?: string;
}

/** Arguments of conntrack(8) that make the kernel forget such flows. Its status is not 0 where there are none. */
export function endOfUdpFlows({ family, address, port, replyAddress, replyPort }: UdpFlows): string[] {
  const named = (option: string, value: string | undefined): string[] => (value === undefined ? [] : [option, value]);
  return ['-D', '-p', 'udp', '-f', `ipv${family}`].concat(
    named('--orig-dst', address),
    named('--orig-port-dst', port),
    named('--reply-src', replyAddress),
    named('--reply-port-src', replyPort),
  );
}
