import { expect, it } from '@jest/globals';
import type { Kind } from '../../kinds/kind-table.ts';
import { rootNode } from '../../managed-fields/testing/typed-objects.ts';
import { checkConfig } from './check-config.ts';

const kind = { apiVersion: 'v1', schema: rootNode, definition: { kind: 'Root' } } as unknown as Kind;

it.each<[unknown, string]>([
  ['x', '(/x; v1, Kind=Root)'],
  [{ toString: {} }, '(/{"toString":{}}; v1, Kind=Root)'],
])('says which object is wrong, whatever its name is: %j', (name, shown) => {
  const config = { apiVersion: 'v1', kind: 'Root', metadata: { name }, nosuch: 1 };
  expect(() => checkConfig(config as never, kind)).toThrow(shown);
});
