import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { child, fill } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { ageColumn, counted, listAt, nameColumn } from '../table/columns.ts';
import { sameJson } from '../validation/findings.ts';
import type { Part } from '../validation/part.ts';
import { driverProblems } from './storageclasses.ts';

const idLimitBytes = 192;

function check(node: Part): void {
  const spec = node.at('spec');
  spec.distinct('drivers', 'name');
  for (const driver of spec.list('drivers')) {
    driver.named('name', driverProblems, 'required');
    driver.require('nodeID');
    if (driver.text('nodeID').length > idLimitBytes) driver.found.tooLong(driver.pathOf('nodeID'), idLimitBytes);
    driver.distinct('topologyKeys');
    driver.at('allocatable').nonNegative('count');
  }
}

/** What a driver said of a node stays as long as the driver does. */
function checkUpdate(node: Part, old: Part): void {
  const before = new Map(
    old
      .at('spec')
      .list('drivers')
      .map((driver) => [driver.text('name'), driver]),
  );
  for (const driver of node.at('spec').list('drivers')) {
    const known = before.get(driver.text('name'));
    if (known === undefined) continue;
    const fixed = ({ raw }: Part): unknown => ({ ...(raw as object), allocatable: undefined });
    if (!sameJson(fixed(driver), fixed(known))) driver.wrong('field is immutable');
  }
}

export const csiNodeKind: ResourceDefinition = describedKind({
  group: 'storage.k8s.io',
  kind: 'CSINode',
  resource: 'csinodes',
  namespaced: false,
  default: (node) => fill(child(node, 'spec'), { drivers: null }),
  check,
  checkUpdate,
  columns: [
    nameColumn,
    counted('Drivers', 'The number of drivers on the node.', (node) => listAt(node, 'spec.drivers').length),
    ageColumn,
  ],
});
