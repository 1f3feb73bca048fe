/** Texts of IP addresses. */

/** Eight numbers of 16 bits. The address is valid: it was checked when it came from the API. */
export function ipv6Groups(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const text =
    dotted === null
      ? address
      : `${dotted[1]}${pair(Number(dotted[2]), Number(dotted[3]))}:${pair(Number(dotted[4]), Number(dotted[5]))}`;
  const [head = '', tail] = text.split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const [first, last] = [groups(head), groups(tail ?? '')];
  return [...first, ...Array<number>(tail === undefined ? 0 : 8 - first.length - last.length).fill(0), ...last];
}

function pair(high: number, low: number): string {
  return ((high << 8) | low).toString(16);
}

/** Source: RFC 5952, section 4. */
export function shortIpv6(groups: readonly number[]): string {
  let [bestStart, bestLength] = [-1, 1];
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) [bestStart, bestLength] = [start, length];
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (bestStart === -1) return text(groups);
  return `${text(groups.slice(0, bestStart))}::${text(groups.slice(bestStart + bestLength))}`;
}

/** One text for each address, however it is written. */
export function normalAddress(address: string): string {
  return address.includes(':') ? shortIpv6(ipv6Groups(address)) : address;
}
