/** The answer about one connection. Pure. */
import type { Traffic, TrafficEnd, TrafficPath, TrafficRule } from '@timonel/sdk/contracts/why';
import { pathTo, type Destination } from './path.ts';
import { addressPort, podPort } from './ports.ts';
import { addressesOf, addressOf, type AddressEnd, type PodEnd, type Scene, type ServiceEnd } from './scene.ts';
import { serviceTraffic } from './service-paths.ts';

/** More endpoints are counted, not shown. */
const pathLimit = 24;

function podEnd({ metadata, spec, ...pod }: PodEnd['pod']): TrafficEnd {
  const { namespace = '', name = '' } = metadata;
  return {
    kind: 'pod',
    namespace,
    name,
    addresses: addressesOf({ metadata, spec, ...pod }),
    ...(spec.nodeName === undefined ? {} : { node: spec.nodeName }),
    ...(spec.hostNetwork === true ? { hostNetwork: true } : {}),
  };
}

function serviceEnd({ service: { metadata, spec } }: ServiceEnd): TrafficEnd {
  const { namespace = '', name = '' } = metadata;
  const all = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]);
  const addresses = all.filter((address) => address !== '' && address !== 'None');
  return { kind: 'service', namespace, name, addresses };
}

function endShown(end: PodEnd | ServiceEnd | AddressEnd): TrafficEnd {
  if (end.kind === 'pod') return podEnd(end.pod);
  if (end.kind === 'service') return serviceEnd(end);
  const { address, node } = end;
  return node === undefined
    ? { kind: 'address', addresses: [address] }
    : { kind: 'node', name: node, addresses: [address], node };
}

const directionText = { egress: 'may not send', ingress: 'may not receive' } as const;

function ruleText({ direction, pod, policies }: TrafficRule): string {
  return `pod ${pod} ${directionText[direction]} it: none of ${policies.join(', ')} allows it`;
}

function dropText(paths: readonly TrafficPath[]): string {
  const rules = paths.flatMap((path) => path.rules.filter(({ allowed, enforced }) => !allowed && enforced !== false));
  const [first] = rules;
  return first === undefined ? '' : ruleText(first);
}

function unstarted(end: PodEnd, what: string): string {
  const { name } = end.pod.metadata;
  return `the pod ${name}, ${what}, has no address yet: see \`timonel why pod/${name}\``;
}

function answer(scene: Scene, port: number | undefined, rest: Pick<Traffic, 'outcome' | 'summary' | 'paths'>): Traffic {
  const { from, to, protocol, tables } = scene;
  const cut = rest.paths.length - pathLimit;
  return {
    from: endShown(from),
    to: endShown(to),
    protocol,
    port,
    ...rest,
    paths: rest.paths.slice(0, pathLimit),
    nodes: tables,
    ...(cut > 0 ? { cut } : {}),
  };
}

function direct(scene: Scene, to: Destination): Traffic {
  const path = pathTo(to, scene);
  const { outcome } = path;
  const summary =
    outcome === 'dropped'
      ? dropText([path])
      : `nothing keeps it from ${path.pod === undefined ? path.address : `pod ${path.pod}`}`;
  return answer(scene, to.port, { outcome, summary, paths: [path] });
}

function throughService(scene: Scene, end: ServiceEnd): Traffic {
  const { service, port, destinations, without, reason } = serviceTraffic(end, scene);
  const paths = destinations.map((one) => pathTo(one, scene));
  const used = paths.filter((path) => path.used);
  const open = used.filter(({ outcome }) => outcome === 'passes');
  const withService = (rest: Pick<Traffic, 'outcome' | 'summary'>): Traffic => ({
    ...answer(scene, port, { ...rest, paths }),
    service,
  });
  if (used.length === 0) return withService({ outcome: without, summary: reason });
  if (open.length === used.length) {
    const summary = `nothing keeps it from ${used.length === 1 ? 'the one endpoint that is used' : `any of the ${used.length} endpoints that are used`}`;
    return withService({ outcome: 'passes', summary });
  }
  if (open.length === 0) return withService({ outcome: 'dropped', summary: dropText(used) });
  return withService({
    outcome: 'partly',
    summary: `to ${open.length} of ${used.length} endpoints; else ${dropText(used)}`,
  });
}

/** @throws ApiError BadRequest when the port is not clear */
export function trafficOf(scene: Scene): Traffic {
  const { from, to, port: wanted, protocol } = scene;
  const unknown = (summary: string): Traffic =>
    answer(scene, Number(wanted) || undefined, { outcome: 'unknown', summary, paths: [] });
  if (from.kind === 'pod') {
    const { metadata, status } = from.pod;
    const hasEnded = status?.phase === 'Succeeded' || status?.phase === 'Failed';
    if (hasEnded) return unknown(`the pod ${metadata.name} has ended: it sends nothing any more`);
    if (addressOf(from.pod) === undefined) return unknown(unstarted(from, 'which sends'));
  }
  if (to.kind === 'service') return throughService(scene, to);
  if (to.kind === 'address') {
    const { address, node } = to;
    return direct(scene, { address, port: addressPort(wanted), node, used: true });
  }
  const address = addressOf(to.pod);
  if (address === undefined) return unknown(unstarted(to, 'to which it goes'));
  const port = podPort(to.pod, wanted, protocol);
  return direct(scene, { address, port, pod: to.pod, node: to.pod.spec.nodeName, used: true });
}
