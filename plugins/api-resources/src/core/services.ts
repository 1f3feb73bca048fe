import type { ResourceDefinition, Strategy, TableContext } from '@timonel/sdk/contracts/api-server';
import { dns1035LabelProblems, services, type Service } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { ageColumn, column, nameColumn, none, orNone, wideColumn } from '../table/columns.ts';
import { age } from '../table/time.ts';
import { onUpdate } from '../validation/on-update.ts';
import { isObject, itemsOf, objectOf, shownText, textEntries, textOf } from '../validation/loose.ts';
import { carryAllocated, defaultClusterIPs, defaultService } from './service-defaults.ts';
import { serviceUpdateFindings, validateService } from './service-validation.ts';

type Spec = Partial<Service['spec']>;

function externalAddress(service: Service, spec: Spec): string {
  if (spec.type === 'ExternalName') return orNone(spec.externalName);
  const addresses = itemsOf(spec.externalIPs).map(shownText);
  if (spec.type === 'LoadBalancer') {
    const ingress = itemsOf(objectOf(objectOf(service.status).loadBalancer).ingress).map((item) => objectOf(item));
    addresses.unshift(...ingress.map((item) => textOf(item.ip) || textOf(item.hostname)).filter((text) => text !== ''));
    if (addresses.length === 0) return '<pending>';
  }
  return addresses.length === 0 ? none : addresses.join(',');
}

function portsCell(spec: Spec): string {
  const ports = itemsOf(spec.ports).map((item) => {
    const { port, nodePort, protocol } = objectOf(item);
    return `${shownText(port)}${nodePort ? `:${shownText(nodePort)}` : ''}/${shownText(protocol)}`;
  });
  return ports.length === 0 ? none : ports.join(',');
}

function cells(service: Service, context: TableContext): string[] {
  const spec: Spec = objectOf(service.spec);
  const selector = textEntries(spec.selector).map(([key, value]) => `${key}=${value}`);
  return [
    textOf(service.metadata.name),
    textOf(spec.type),
    orNone(itemsOf(spec.clusterIPs)[0] ?? spec.clusterIP),
    externalAddress(service, spec),
    portsCell(spec),
    age(service, context),
    selector.length === 0 ? none : selector.sort().join(','),
  ];
}

const strategy: Strategy<Service> = {
  default: defaultService,
  prepareForCreate(service) {
    service.status = { loadBalancer: {} };
    if (isObject(service.spec)) defaultClusterIPs(service.spec);
  },
  prepareForUpdate(service, old) {
    service.status = old.status ?? { loadBalancer: {} };
    carryAllocated(service, old);
  },
  validate: validateService,
  validateUpdate: onUpdate(validateService, serviceUpdateFindings),
  selectableFields(service) {
    const spec: Spec = objectOf(service.spec);
    return { 'spec.clusterIP': textOf(spec.clusterIP), 'spec.type': textOf(spec.type) };
  },
  cells,
};

export const serviceKind: ResourceDefinition<Service> = defineKind({
  type: services,
  schema: 'io.k8s.api.core.v1.Service',
  shortNames: ['svc'],
  categories: ['all'],
  status: true,
  statusMetadata: true,
  nameProblems: dns1035LabelProblems,
  columns: [
    nameColumn,
    column('Type', 'How the service is reached.'),
    column('Cluster-IP', 'The address inside of the cluster.'),
    column('External-IP', 'The addresses outside of the cluster.'),
    column('Port(s)', 'Its ports, node ports and protocols.'),
    ageColumn,
    wideColumn('Selector', 'The labels of the pods behind it.'),
  ],
  strategy,
});
