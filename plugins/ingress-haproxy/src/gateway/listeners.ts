/** Listeners of Gateways: which can be served, and with which certificates. */
import { errorMessage } from '@timonel/sdk';
import { fromLabelSelector, matchesSelector, type Namespace } from '@timonel/sdk/kube';
import { checkCertificate } from '../cluster/certificates.ts';
import { hostPattern, isHostName } from '../routing/host-pattern.ts';
import { ownerKey, type Certificate, type HostPattern } from '../routing/model.ts';
import type { GatewayObjects } from './objects.ts';
import { permits } from './reference-grants.ts';
import { gatewayGroup, gateways, type Gateway, type GatewayListener } from './types.ts';

export interface Verdict {
  readonly ok: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface CheckedListener {
  readonly gateway: Gateway;
  readonly listener: GatewayListener;
  readonly host: HostPattern;
  readonly tls: boolean;
  readonly accepted: Verdict;
  readonly resolvedRefs: Verdict;
  readonly certificates: readonly Certificate[];
  readonly kinds: readonly string[];
  /** Whether routes of the namespace may attach. */
  readonly allows: (name: string, namespace: Namespace | undefined) => boolean;
}

export const routeKinds: readonly string[] = ['HTTPRoute', 'GRPCRoute'];

/** Ports at which listeners may be, and whether with TLS where it is decided already. */
export type AllowedPorts = ReadonlyMap<number, boolean | undefined>;

const fine = (reason: string): Verdict => ({ ok: true, reason, message: '' });

function acceptedOf({ port, protocol, hostname = '', tls }: GatewayListener, ports: AllowedPorts): Verdict {
  const no = (reason: string, message: string): Verdict => ({ ok: false, reason, message });
  if (protocol !== 'HTTP' && protocol !== 'HTTPS')
    return no('UnsupportedProtocol', `the protocol ${protocol} is not served: only HTTP and HTTPS`);
  if (!ports.has(port))
    return no(
      'PortUnavailable',
      `the port ${port} is not served: ${[...ports.keys()].join(', ')} are (gatewayPorts of the plugin ingress-haproxy)`,
    );
  const decided = ports.get(port);
  if (decided !== undefined && decided !== (protocol === 'HTTPS'))
    return no('PortUnavailable', `the port ${port} is served with another protocol`);
  if (protocol === 'HTTPS' && tls?.mode === 'Passthrough')
    return no('UnsupportedProtocol', 'TLS that is passed through is not served');
  if (hostname !== '' && !isHostName(hostname)) return no('UnsupportedValue', `the hostname ${hostname} is none`);
  return fine('Accepted');
}

function certificatesOf(
  objects: GatewayObjects,
  gateway: Gateway,
  { tls, protocol, hostname }: GatewayListener,
): { readonly verdict: Verdict; readonly certificates: readonly Certificate[] } {
  const certificates: Certificate[] = [];
  const no = (reason: string, message: string) => ({ verdict: { ok: false, reason, message }, certificates });
  if (protocol !== 'HTTPS') return { verdict: fine('ResolvedRefs'), certificates };
  const { namespace = '' } = gateway.metadata;
  const references = tls?.certificateRefs ?? [];
  if (references.length === 0) return no('InvalidCertificateRef', 'certificateRefs of a listener with HTTPS are empty');
  for (const { group = '', kind = 'Secret', name, namespace: other = namespace } of references) {
    if (group !== '' || kind !== 'Secret')
      return no('InvalidCertificateRef', `certificates of the kind ${kind} are not served: name a Secret`);
    const from = { group: gatewayGroup, kind: 'Gateway', namespace };
    if (!permits(objects, from, { group: '', kind: 'Secret', namespace: other, name }))
      return no(
        'RefNotPermitted',
        `no ReferenceGrant in the namespace ${other} lets this Gateway use the Secret ${name}`,
      );
    const checked = checkCertificate(`${other}/${name}`, objects.secret(`${other}/${name}`));
    if (!checked.usable) return no('InvalidCertificateRef', checked.message);
    const hosts = hostname === undefined ? [] : [hostname];
    certificates.push({ pem: checked.pem, hosts, owner: ownerKey(gateways, gateway) });
  }
  return { verdict: fine('ResolvedRefs'), certificates };
}

function kindsOf({ allowedRoutes }: GatewayListener): {
  readonly kinds: readonly string[];
  readonly unknown: string | undefined;
} {
  const wanted = allowedRoutes?.kinds;
  if (wanted === undefined || wanted.length === 0) return { kinds: routeKinds, unknown: undefined };
  const isKnown = ({ group = gatewayGroup, kind }: { group?: string; kind: string }): boolean =>
    group === gatewayGroup && routeKinds.includes(kind);
  return {
    kinds: wanted.filter(isKnown).map(({ kind }) => kind),
    unknown: wanted.find((entry) => !isKnown(entry))?.kind,
  };
}

function allowsOf({ metadata }: Gateway, { allowedRoutes }: GatewayListener): CheckedListener['allows'] {
  const { from = 'Same', selector } = allowedRoutes?.namespaces ?? {};
  if (from === 'All') return () => true;
  if (from === 'Same') return (name) => name === metadata.namespace;
  if (from !== 'Selector' || selector === undefined) return () => false;
  const wanted = fromLabelSelector(selector);
  // What is no requirement throws here, so that the listener is refused and not the routes that want it.
  for (const requirement of wanted) matchesSelector([requirement], { [requirement.key]: '' });
  return (_, namespace) => namespace !== undefined && matchesSelector(wanted, namespace.metadata.labels);
}

function examine(
  objects: GatewayObjects,
  gateway: Gateway,
  listener: GatewayListener,
  ports: AllowedPorts,
): CheckedListener {
  const { verdict, certificates } = certificatesOf(objects, gateway, listener);
  const { kinds, unknown } = kindsOf(listener);
  const resolvedRefs =
    verdict.ok && unknown !== undefined
      ? { ok: false, reason: 'InvalidRouteKinds', message: `routes of the kind ${unknown} are not served` }
      : verdict;
  const host = hostPattern(listener.hostname ?? '', 'many-labels');
  const accepted = acceptedOf(listener, ports);
  const allows = allowsOf(gateway, listener);
  const tls = listener.protocol === 'HTTPS';
  return { gateway, listener, host, tls, accepted, resolvedRefs, certificates, kinds, allows };
}

/** One that cannot be read is not accepted: others are served all the same. */
export function checkListener(
  objects: GatewayObjects,
  gateway: Gateway,
  listener: GatewayListener,
  ports: AllowedPorts,
): CheckedListener {
  try {
    return examine(objects, gateway, listener, ports);
  } catch (error) {
    return {
      gateway,
      listener,
      host: hostPattern('', 'many-labels'),
      tls: false,
      accepted: { ok: false, reason: 'UnsupportedValue', message: `it cannot be read: ${errorMessage(error)}` },
      resolvedRefs: fine('ResolvedRefs'),
      certificates: [],
      kinds: [],
      allows: () => false,
    };
  }
}
