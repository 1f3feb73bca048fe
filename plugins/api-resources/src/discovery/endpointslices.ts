import { isIPv4, isIPv6 } from 'node:net';
import type { ResourceDefinition, Strategy } from '@timonel/sdk/contracts/api-server';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  endpointSlices,
  type EndpointSlice,
  type FieldError,
} from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { ageColumn, column, nameColumn } from '../table/columns.ts';
import { age } from '../table/time.ts';
import { Findings } from '../validation/findings.ts';
import { onUpdate } from '../validation/on-update.ts';
import { itemsOf, objectItems, objectOf, shownText, textOf } from '../validation/loose.ts';
import { portNumberProblems } from '../validation/ports.ts';

const shownItems = 3;
const endpointLimit = 1000;
const addressLimit = 100;
const addressTypes = ['FQDN', 'IPv4', 'IPv6'];

function joined(items: readonly string[]): string {
  if (items.length === 0) return '<unset>';
  const rest = items.length - shownItems;
  return rest > 0 ? `${items.slice(0, shownItems).join(',')} + ${rest} more...` : items.join(',');
}

function addressProblems(address: string, type: unknown): string[] {
  if (type === 'IPv4') return isIPv4(address) ? [] : ['must be an IPv4 address'];
  if (type === 'IPv6') return isIPv6(address) ? [] : ['must be an IPv6 address'];
  return dnsSubdomainProblems(address);
}

function checkEndpoints(slice: EndpointSlice, found: Findings): void {
  const list = itemsOf(slice.endpoints);
  if (list.length > endpointLimit) found.invalid('endpoints', list.length, `must have at most ${endpointLimit} items`);
  for (const [index, item] of list.slice(0, endpointLimit).entries()) {
    const at = `endpoints[${index}].addresses`;
    const addresses = itemsOf(objectOf(item).addresses);
    if (addresses.length === 0) found.required(at, 'must contain at least 1 address');
    if (addresses.length > addressLimit) found.invalid(at, addresses.length, `must have at most ${addressLimit} items`);
    for (const [position, address] of addresses.slice(0, addressLimit).entries()) {
      found.problems(`${at}[${position}]`, address, addressProblems(textOf(address), slice.addressType));
    }
  }
}

function checkPorts(slice: EndpointSlice, found: Findings): void {
  const names = new Set<string>();
  for (const [index, item] of itemsOf(slice.ports).entries()) {
    const at = `ports[${index}]`;
    const { name, port, protocol } = objectOf(item);
    const text = textOf(name);
    if (text !== '') found.problems(`${at}.name`, text, dnsLabelProblems(text));
    if (names.has(text)) found.duplicate(`${at}.name`, text);
    names.add(text);
    if (port !== undefined && port !== null) found.problems(`${at}.port`, port, portNumberProblems(port));
    found.oneOf(`${at}.protocol`, protocol, ['SCTP', 'TCP', 'UDP'], 'required');
  }
}

function validate(slice: EndpointSlice): FieldError[] {
  const found = new Findings();
  found.oneOf('addressType', slice.addressType, addressTypes, 'required');
  checkEndpoints(slice, found);
  checkPorts(slice, found);
  return found.all();
}

function updateFindings(slice: EndpointSlice, old: EndpointSlice): FieldError[] {
  const found = new Findings();
  found.immutable('addressType', slice.addressType, old.addressType);
  return found.all();
}

const strategy: Strategy<EndpointSlice> = {
  default(slice) {
    for (const port of objectItems(slice.ports)) {
      port.name ??= '';
      port.protocol ||= 'TCP';
    }
  },
  validate,
  validateUpdate: onUpdate(validate, updateFindings),
  cells(slice, context) {
    const ports = itemsOf(slice.ports).map((item) => shownText(objectOf(item).port ?? '*'));
    const addresses = itemsOf(slice.endpoints).flatMap((item) => itemsOf(objectOf(item).addresses).map(textOf));
    return [
      textOf(slice.metadata.name),
      textOf(slice.addressType),
      joined(ports),
      joined(addresses),
      age(slice, context),
    ];
  },
};

export const endpointSliceKind: ResourceDefinition<EndpointSlice> = defineKind({
  type: endpointSlices,
  schema: 'io.k8s.api.discovery.v1.EndpointSlice',
  generation: true,
  columns: [
    nameColumn,
    column('AddressType', 'The type of its addresses.'),
    column('Ports', 'The ports of its endpoints.'),
    column('Endpoints', 'The addresses of its endpoints.'),
    ageColumn,
  ],
  strategy,
});
