import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dns1035LabelProblems, dnsSubdomainProblems, type KubeObject } from '@timonel/sdk/kube';
import { describedKind } from '../described-kind.ts';
import { ageColumn, listAt, nameColumn, none, shown, textAt } from '../table/columns.ts';
import { portNameProblems } from '../validation/ports.ts';
import type { Part } from '../validation/part.ts';
import { isIPv4, isIPv6 } from 'node:net';

const addressWidth = 16;
const shownHosts = 3;
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];
const wrongInPath = [/\/\//, /\/\.\//, /\/\.\.\//, /%2f/i, /\/\.\.?$/];

function hostProblems(host: string): string[] {
  if (isIPv4(host) || isIPv6(host)) return ['must be a DNS name, not an IP address'];
  if (!host.includes('*')) return dnsSubdomainProblems(host);
  return host.startsWith('*.') && dnsSubdomainProblems(host.slice(2)).length === 0
    ? []
    : ["a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain"];
}

function checkBackend(backend: Part): void {
  const { service, resource } = { service: backend.at('service'), resource: backend.at('resource') };
  if (service.present && resource.present) backend.wrong('cannot set both resource and service backends');
  else if (resource.present) resource.require('kind', 'name');
  else if (!service.present) backend.found.required(backend.path, 'resource or service backend is required');
  else {
    service.named('name', dns1035LabelProblems, 'required');
    const port = service.at('port');
    const number = port.number('number') ?? 0;
    if (port.has('name') && number !== 0) port.wrong('cannot set both port name & port number');
    else if (port.has('name')) port.named('name', portNameProblems);
    else if (number === 0) port.found.required(port.path, 'port name or number is required');
    else port.within('number', 1, 65_535);
  }
}

function checkPath(item: Part): void {
  if (!item.has('pathType')) item.missing('pathType', 'pathType must be specified');
  else item.oneOf('pathType', pathTypes);
  const path = item.text('path');
  if (item.text('pathType') === 'ImplementationSpecific') {
    if (path !== '' && !path.startsWith('/')) item.invalid('path', 'must be an absolute path');
  } else {
    if (!path.startsWith('/')) item.invalid('path', 'must be an absolute path');
    for (const pattern of wrongInPath)
      if (pattern.test(path)) item.invalid('path', `must not contain '${pattern.exec(path)?.[0]}'`);
  }
  checkBackend(item.at('backend'));
}

function check(ingress: Part): void {
  const spec = ingress.at('spec');
  if (spec.list('rules').length === 0 && !spec.at('defaultBackend').present)
    spec.wrong('either `defaultBackend` or `rules` must be specified');
  if (spec.at('defaultBackend').present) checkBackend(spec.at('defaultBackend'));
  spec.named('ingressClassName', dnsSubdomainProblems);
  for (const rule of spec.list('rules')) {
    rule.named('host', hostProblems);
    if (!rule.at('http').present) continue;
    rule.at('http').requireItems('paths');
    for (const path of rule.at('http').list('paths')) checkPath(path);
  }
  for (const tls of spec.list('tls'))
    for (const host of tls.list('hosts'))
      if (typeof host.raw === 'string') host.found.problems(host.path, host.raw, hostProblems(host.raw));
}

function hostsCell(ingress: KubeObject): string {
  const hosts = listAt(ingress, 'spec.rules')
    .map((rule) => textAt(rule, 'host'))
    .filter((host) => host !== '');
  if (hosts.length === 0) return '*';
  const rest = hosts.length - shownHosts;
  return rest > 0 ? `${hosts.slice(0, shownHosts).join(',')} + ${rest} more...` : hosts.join(',');
}

function addressCell(ingress: KubeObject): string {
  const addresses = listAt(ingress, 'status.loadBalancer.ingress').map(
    (entry) => textAt(entry, 'ip') || textAt(entry, 'hostname'),
  );
  const text = addresses.filter((address) => address !== '').join(',');
  return text.length > addressWidth ? `${text.slice(0, addressWidth - 3)}...` : text;
}

export const ingressKind: ResourceDefinition = describedKind({
  group: 'networking.k8s.io',
  kind: 'Ingress',
  resource: 'ingresses',
  shortNames: ['ing'],
  generation: true,
  status: { loadBalancer: {} },
  statusMetadata: true,
  check,
  columns: [
    nameColumn,
    shown('Class', 'Who implements it.', (ingress) => textAt(ingress, 'spec.ingressClassName', none)),
    shown('Hosts', 'Host names of requests that it takes.', hostsCell),
    shown('Address', 'Where it is reached.', addressCell),
    shown('Ports', 'Ports that it opens.', (ingress) => (listAt(ingress, 'spec.tls').length > 0 ? '80, 443' : '80')),
    ageColumn,
  ],
});
