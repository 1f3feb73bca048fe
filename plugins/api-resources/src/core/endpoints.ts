import { isIP } from 'node:net';
import type { ResourceDefinition, Strategy } from '@timonel/sdk/contracts/api-server';
import { endpoints, type Endpoints, type FieldError } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { ageColumn, column, joinedOrNone, nameColumn } from '../table/columns.ts';
import { age } from '../table/time.ts';
import { Findings } from '../validation/findings.ts';
import { itemsOf, objectItems, objectOf, shownText, textOf } from '../validation/loose.ts';
import { portNumberProblems } from '../validation/ports.ts';

const shownAddresses = 3;

type Subset = NonNullable<Endpoints['subsets']>[number];

function addressesText(object: Endpoints): string {
  const list: string[] = [];
  for (const item of itemsOf(object.subsets)) {
    const subset = objectOf(item);
    const hosts = itemsOf(subset.addresses).map((one) => textOf(objectOf(one).ip));
    const ports = itemsOf(subset.ports).map((one) => shownText(objectOf(one).port ?? 0));
    if (ports.length === 0) list.push(...hosts);
    for (const port of ports)
      list.push(...hosts.map((host) => (isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`)));
  }
  return joinedOrNone(list, shownAddresses);
}

function checkSubset(subset: Partial<Subset>, at: string, found: Findings): void {
  if (itemsOf(subset.addresses).length === 0 && itemsOf(subset.notReadyAddresses).length === 0)
    found.required(at, 'must specify `addresses` or `notReadyAddresses`');
  for (const list of ['addresses', 'notReadyAddresses'] as const) {
    for (const [index, item] of itemsOf(subset[list]).entries()) {
      const ip = textOf(objectOf(item).ip);
      if (isIP(ip) === 0)
        found.invalid(
          `${at}.${list}[${index}].ip`,
          ip,
          'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        );
    }
  }
  for (const [index, item] of itemsOf(subset.ports).entries()) {
    const { name, port, protocol } = objectOf(item);
    if (textOf(name) === '' && itemsOf(subset.ports).length > 1) found.required(`${at}.ports[${index}].name`);
    found.problems(`${at}.ports[${index}].port`, port, portNumberProblems(port));
    found.oneOf(`${at}.ports[${index}].protocol`, protocol, ['SCTP', 'TCP', 'UDP'], 'required');
  }
}

const strategy: Strategy<Endpoints> = {
  default(object) {
    for (const subset of objectItems(object.subsets)) {
      for (const port of objectItems(subset.ports)) port.protocol ||= 'TCP';
    }
  },
  validate(object): FieldError[] {
    const found = new Findings();
    for (const [index, subset] of itemsOf(object.subsets).entries())
      checkSubset(objectOf(subset), `subsets[${index}]`, found);
    return found.all();
  },
  cells: (object, context) => [textOf(object.metadata.name), addressesText(object), age(object, context)],
};

export const endpointsKind: ResourceDefinition<Endpoints> = defineKind({
  type: endpoints,
  schema: 'io.k8s.api.core.v1.Endpoints',
  shortNames: ['ep'],
  columns: [nameColumn, column('Endpoints', 'Addresses and ports that are ready.'), ageColumn],
  strategy,
});
