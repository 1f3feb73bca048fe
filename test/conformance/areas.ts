/**
 * What users of the Kubernetes API rely on, in our own words: the lines of docs/reference/conformance.md. Each line stands for tests of
 * Kubernetes' conformance list (up to 1.35: 436); the tests of a line are those whose `describe` has its title.
 */
import { apiMachinery } from './areas/api-machinery.ts';
import { apps, appsWithContainers } from './areas/apps.ts';
import type { Line } from './areas/behaviour.ts';
import { network, networkKinds } from './areas/network.ts';
import { node, nodeFurther, nodeKinds } from './areas/node.ts';
import { architecture, auth, events, kubectl, scheduling } from './areas/others.ts';
import { claims, storage, storageKinds } from './areas/storage.ts';

export type { Behaviour, Line } from './areas/behaviour.ts';

export const lines: readonly Line[] = [
  ...apps,
  ...appsWithContainers,
  ...apiMachinery,
  ...node,
  nodeKinds,
  ...auth,
  ...kubectl,
  ...network,
  ...nodeFurther,
  ...scheduling,
  ...claims,
  networkKinds,
  ...storage,
  storageKinds,
  events,
  architecture,
];
