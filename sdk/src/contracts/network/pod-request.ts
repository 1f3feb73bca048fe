/** What a pod asks of its network beside an address. */

/** A port of the node that leads to one of the pod. */
export interface HostPort {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  /** '': each address of the node. */
  readonly hostIP: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** Limits of a pod's traffic in bits per second. */
export interface Bandwidth {
  /** To the pod. */
  readonly ingress?: number;
  /** From the pod. */
  readonly egress?: number;
}

/** Something that a pod asked for and does not have, as an event says it. */
export interface NetworkWarning {
  /** `HostPortNotSupported` */
  readonly reason: string;
  readonly message: string;
}

/** What a network says that has neither host ports nor limits. `why`: 'this node has no nft'. */
export function unsupportedOf(
  { hostPorts = [], bandwidth }: { readonly hostPorts?: readonly HostPort[]; readonly bandwidth?: Bandwidth },
  why: string,
): readonly NetworkWarning[] {
  const ports = `hostPort is not supported by this node and was ignored: ${why}`;
  const limits = `the limits of bandwidth are not enforced by this node: ${why}`;
  return [
    ...(hostPorts.length === 0 ? [] : [{ reason: 'HostPortNotSupported', message: ports }]),
    ...(bandwidth === undefined ? [] : [{ reason: 'BandwidthNotLimited', message: limits }]),
  ];
}
