import { isIP } from 'node:net';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  qualifiedNameProblems,
  type FieldError,
  type Service,
  type ServicePort,
} from '@timonel/sdk/kube';
import { Findings } from '../validation/findings.ts';
import { checkLabels } from '../validation/labels.ts';
import { itemsOf, objectOf, shownText, textOf } from '../validation/loose.ts';
import { portNumberProblems, portReferenceProblems } from '../validation/ports.ts';
import { hasHealthCheck } from './service-defaults.ts';

type Spec = Partial<Service['spec']>;

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const nodePortRange = { first: 30_000, last: 32_767 };
const cidrProblem = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';
const ipProblem = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

/** What must be unique among the ports of a service. */
interface Seen {
  readonly names: Set<string>;
  readonly ports: Set<string>;
  readonly nodePorts: Set<string>;
}

function checkNodePort(port: Partial<ServicePort>, at: string, type: unknown, found: Findings, seen: Seen): void {
  const { nodePort, protocol } = port;
  if (nodePort === undefined || nodePort === 0) return;
  if (type === 'ClusterIP') {
    found.forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'");
    return;
  }
  const { first, last } = nodePortRange;
  if (typeof nodePort !== 'number' || nodePort < first || nodePort > last)
    found.invalid(
      `${at}.nodePort`,
      nodePort,
      `provided port is not in the valid range. The range of valid ports is ${first}-${last}`,
    );
  const key = `${shownText(nodePort)}/${shownText(protocol)}`;
  if (seen.nodePorts.has(key)) found.duplicate(`${at}.nodePort`, nodePort);
  seen.nodePorts.add(key);
}

function checkPort(port: Partial<ServicePort>, at: string, spec: Spec, found: Findings, seen: Seen): void {
  const name = textOf(port.name);
  const several = itemsOf(spec.ports).length > 1;
  if (name === '') {
    if (several) found.required(`${at}.name`);
  } else {
    found.problems(`${at}.name`, name, dnsLabelProblems(name));
    if (seen.names.has(name)) found.duplicate(`${at}.name`, name);
    seen.names.add(name);
  }
  found.problems(`${at}.port`, port.port, portNumberProblems(port.port));
  found.oneOf(`${at}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP'], 'required');
  found.problems(`${at}.targetPort`, port.targetPort ?? 0, portReferenceProblems(port.targetPort));
  const key = `${shownText(port.port)}/${shownText(port.protocol)}`;
  if (seen.ports.has(key)) found.duplicate(at, { port: port.port, protocol: port.protocol });
  seen.ports.add(key);
  checkNodePort(port, at, spec.type, found, seen);
}

function checkAddresses(spec: Spec, found: Findings): void {
  const addresses = itemsOf(spec.clusterIPs);
  if (spec.type === 'ExternalName') {
    if (addresses.length > 0 || textOf(spec.clusterIP) !== '')
      found.forbidden('spec.clusterIPs', "may not be set when type is 'ExternalName'");
    const name = textOf(spec.externalName).replace(/\.$/, '');
    if (name === '') found.required('spec.externalName');
    else found.problems('spec.externalName', name, dnsSubdomainProblems(name));
    return;
  }
  if (addresses.length > 0 && addresses[0] !== spec.clusterIP)
    found.invalid('spec.clusterIPs', addresses, 'first value must match `clusterIP`');
  for (const [index, address] of addresses.entries()) {
    if (address === 'None') {
      if (spec.type !== 'ClusterIP' || index > 0)
        found.invalid(
          `spec.clusterIPs[${index}]`,
          address,
          `may not be set to 'None' for ${shownText(spec.type)} services`,
        );
    } else if (isIP(textOf(address)) === 0) found.invalid(`spec.clusterIPs[${index}]`, address, ipProblem);
  }
  if (addresses.length > 2) found.invalid('spec.clusterIPs', addresses, 'may only hold up to 2 values');
  for (const [index, address] of itemsOf(spec.externalIPs).entries()) {
    if (isIP(textOf(address)) === 0) found.invalid(`spec.externalIPs[${index}]`, address, ipProblem);
  }
}

function checkLoadBalancer(spec: Spec, found: Findings): void {
  const { loadBalancerClass, loadBalancerSourceRanges } = spec;
  const only = "may only be used when `type` is 'LoadBalancer'";
  if (textOf(loadBalancerClass) !== '') {
    if (spec.type !== 'LoadBalancer') found.forbidden('spec.loadBalancerClass', only);
    else found.problems('spec.loadBalancerClass', loadBalancerClass, qualifiedNameProblems(textOf(loadBalancerClass)));
  }
  const ranges = itemsOf(loadBalancerSourceRanges);
  if (ranges.length > 0 && spec.type !== 'LoadBalancer') found.forbidden('spec.loadBalancerSourceRanges', only);
  for (const [index, range] of ranges.entries()) {
    if (!isCidr(textOf(range).trim())) found.invalid(`spec.loadBalancerSourceRanges[${index}]`, range, cidrProblem);
  }
}

function isCidr(text: string): boolean {
  const [address = '', prefix = '', more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more !== undefined || !/^(0|[1-9]\d{0,2})$/.test(prefix)) return false;
  return Number(prefix) <= (version === 6 ? 128 : 32);
}

function checkFamilies(spec: Spec, found: Findings): void {
  const families = itemsOf(spec.ipFamilies);
  const seen = new Set<unknown>();
  for (const [index, family] of families.entries()) {
    if (seen.has(family)) found.duplicate(`spec.ipFamilies[${index}]`, family);
    seen.add(family);
  }
  const versions = itemsOf(spec.clusterIPs)
    .map((address) => isIP(textOf(address)))
    .filter((version) => version !== 0);
  if (new Set(versions).size < versions.length)
    found.invalid('spec.clusterIPs', itemsOf(spec.clusterIPs), 'may specify no more than one IP for each IP family');
  const [version] = versions;
  const [first] = families;
  if (version !== undefined && first !== undefined && (version === 6) !== (first === 'IPv6'))
    found.invalid(
      'spec.clusterIPs[0]',
      textOf(itemsOf(spec.clusterIPs)[0]),
      `expected an ${textOf(first)} value as indicated by \`ipFamilies[0]\``,
    );
}

function checkPolicies(spec: Spec, found: Findings): void {
  const distributions = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
  found.oneOf('spec.trafficDistribution', spec.trafficDistribution, distributions, 'optional');
  const isExternal = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || itemsOf(spec.externalIPs).length > 0;
  if (textOf(spec.externalTrafficPolicy) !== '' && !isExternal)
    found.invalid(
      'spec.externalTrafficPolicy',
      spec.externalTrafficPolicy,
      'may only be set for externally-accessible services',
    );
  if ((spec.healthCheckNodePort ?? 0) !== 0 && !hasHealthCheck(spec))
    found.invalid(
      'spec.healthCheckNodePort',
      spec.healthCheckNodePort,
      "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
    );
  found.oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None'], 'required');
  found.oneOf('spec.internalTrafficPolicy', spec.internalTrafficPolicy, ['Cluster', 'Local'], 'optional');
  found.oneOf('spec.externalTrafficPolicy', spec.externalTrafficPolicy, ['Cluster', 'Local'], 'optional');
  found.oneOf(
    'spec.ipFamilyPolicy',
    spec.ipFamilyPolicy,
    ['SingleStack', 'PreferDualStack', 'RequireDualStack'],
    'optional',
  );
  for (const [index, family] of itemsOf(spec.ipFamilies).entries()) {
    found.oneOf(`spec.ipFamilies[${index}]`, family, ['IPv4', 'IPv6'], 'required');
  }
  const seconds = objectOf(objectOf(spec.sessionAffinityConfig).clientIP).timeoutSeconds;
  if (spec.sessionAffinity === 'ClientIP' && (typeof seconds !== 'number' || seconds <= 0 || seconds > 86_400))
    found.invalid(
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
      seconds,
      'must be greater than 0 and less than 86400',
    );
}

export function validateService(service: Service): FieldError[] {
  const found = new Findings();
  const spec: Spec = objectOf(service.spec);
  found.oneOf('spec.type', spec.type, types, 'required');
  const headless = spec.clusterIP === 'None';
  if (itemsOf(spec.ports).length === 0 && !headless && spec.type !== 'ExternalName') found.required('spec.ports');
  const seen: Seen = { names: new Set(), ports: new Set(), nodePorts: new Set() };
  for (const [index, port] of itemsOf(spec.ports).entries())
    checkPort(objectOf(port), `spec.ports[${index}]`, spec, found, seen);
  checkLabels(spec.selector, 'spec.selector', found);
  checkAddresses(spec, found);
  checkLoadBalancer(spec, found);
  checkFamilies(spec, found);
  checkPolicies(spec, found);
  return found.all();
}

export function serviceUpdateFindings(service: Service, old: Service): FieldError[] {
  const found = new Findings();
  const now: Spec = objectOf(service.spec);
  const before: Spec = objectOf(old.spec);
  const areBalanced = now.type === 'LoadBalancer' && before.type === 'LoadBalancer';
  if (areBalanced && now.loadBalancerClass !== before.loadBalancerClass)
    found.invalid('spec.loadBalancerClass', now.loadBalancerClass, 'may not change once set');
  if (hasHealthCheck(now) && hasHealthCheck(before) && before.healthCheckNodePort)
    found.immutable('spec.healthCheckNodePort', now.healthCheckNodePort, before.healthCheckNodePort);
  if (now.type === 'ExternalName' || before.type === 'ExternalName') return found.all();
  for (const [index, address] of itemsOf(before.clusterIPs).slice(0, 1).entries()) {
    const current = itemsOf(now.clusterIPs)[index];
    if (current !== address)
      found.invalid(`spec.clusterIPs[${index}]`, itemsOf(now.clusterIPs), 'may not change once set');
  }
  return found.all();
}
