import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsLabelProblems, dnsSubdomainProblems } from '@timonel/sdk/kube';
import { canonicalFields, child, items, type Json } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, nameColumn, shown, textAt, unset, valueAt } from '../table/columns.ts';
import { textOf } from '../validation/loose.ts';
import type { Part } from '../validation/part.ts';

const devicesLimit = 128;
const attributesLimit = 32;
const nodeChoices = ['nodeName', 'nodeSelector', 'allNodes', 'perDeviceNodeSelection'];

function defaultSlice(slice: Json): void {
  for (const device of items(child(slice, 'spec'), 'devices')) {
    const capacity = child(device, 'capacity') ?? {};
    for (const name of Object.keys(capacity)) canonicalFields(child(capacity, name), 'value');
  }
}

function checkDevice(device: Part): void {
  device.named('name', dnsLabelProblems, 'required');
  const attributes = device.at('attributes').entries();
  if (attributes.length + device.at('capacity').entries().length > attributesLimit)
    device.wrong(`the total number of attributes and capacities must not exceed ${attributesLimit}`);
  for (const [name] of attributes) {
    const attribute = device.map('attributes').at(name);
    const given = ['int', 'bool', 'string', 'version'].filter((type) => attribute.get(type) !== undefined);
    if (given.length !== 1) attribute.found.required(attribute.path, 'exactly one value must be specified');
  }
  for (const [name] of device.at('capacity').entries()) device.map('capacity').at(name).quantity('value');
  for (const taint of device.list('taints')) {
    taint.require('key');
    taint.oneOf('effect', ['NoExecute', 'NoSchedule', 'None']);
  }
}

function check(slice: Part): void {
  const spec = slice.at('spec');
  spec.named('driver', dnsSubdomainProblems, 'required');
  const pool = spec.at('pool');
  if (!pool.has('name')) pool.missing('name');
  else if (
    pool
      .text('name')
      .split('/')
      .some((part) => dnsSubdomainProblems(part).length > 0)
  )
    pool.invalid('name', 'must be a path of DNS subdomains');
  if ((pool.number('resourceSliceCount') ?? 0) <= 0) pool.invalid('resourceSliceCount', 'must be greater than zero');
  pool.nonNegative('generation');
  const given = nodeChoices.filter((name) => spec.has(name) && spec.get(name) !== false);
  if (given.length !== 1)
    spec.found.required(spec.path, `exactly one of ${nodeChoices.map((name) => `\`${name}\``).join(', ')} is required`);
  if (spec.list('devices').length > devicesLimit) spec.found.tooLong(spec.pathOf('devices'), devicesLimit);
  spec.distinct('devices', 'name');
  for (const device of spec.list('devices')) checkDevice(device);
}

export const resourceSliceKind: ResourceDefinition = describedKind({
  group: 'resource.k8s.io',
  kind: 'ResourceSlice',
  resource: 'resourceslices',
  namespaced: false,
  generation: true,
  default: defaultSlice,
  check,
  immutable: ['spec.driver', 'spec.pool.name', 'spec.nodeName'],
  fields: (slice) => ({
    'spec.nodeName': textOf(valueAt(slice, 'spec.nodeName')),
    'spec.driver': textOf(valueAt(slice, 'spec.driver')),
  }),
  columns: [
    nameColumn,
    shown('Node', 'The node of its devices.', (slice) => textAt(slice, 'spec.nodeName', unset)),
    shown('Driver', 'The driver of its devices.', (slice) => textAt(slice, 'spec.driver')),
    shown('Pool', 'The pool it is a part of.', (slice) => textAt(slice, 'spec.pool.name')),
    ageColumn,
  ],
});
