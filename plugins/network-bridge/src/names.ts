import { createHash } from 'node:crypto';

const bridgePrefix = 'tml';
export const vethPrefix = 'tv';
/** Name of the link inside of a pod. */
export const podInterface = 'eth0';

/** Names of links and tables of one instance. Interface names have at most 15 characters. */
export interface Names {
  readonly bridge: string;
  readonly table: string;
  readonly hostPortTable: string;
  /** Of links that are being deleted. */
  readonly group: number;
  /** The host's end of a pod's link. `salt` for the rare case that two sandboxes get the same. */
  veth(sandboxId: string, salt: number): string;
}

/** Two instances on one machine have different data directories, hence different names. */
export function namesFor(dataDir: string): Names {
  const instance = hex(dataDir, 6);
  return {
    bridge: `${bridgePrefix}${instance}`,
    table: `timonel_${instance}_net`,
    hostPortTable: `timonel_${instance}_ports`,
    group: 0x5400_0000 + Number.parseInt(instance, 16),
    veth: (sandboxId, salt) => `${vethPrefix}${hex(`${instance}/${sandboxId}/${salt}`, 8)}`,
  };
}

/** True for the bridge of any instance. */
export function isBridgeName(name: string): boolean {
  return new RegExp(`^${bridgePrefix}[0-9a-f]{6}$`).test(name);
}

export function isVethName(name: string): boolean {
  return new RegExp(`^${vethPrefix}[0-9a-f]{8}$`).test(name);
}

/** The link through which the traffic from a pod goes where it is limited. */
export function ifbOf(veth: string): string {
  return `ti${veth.slice(vethPrefix.length)}`;
}

function hex(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
