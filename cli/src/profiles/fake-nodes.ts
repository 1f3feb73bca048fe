import { controlPlane } from './control-plane.ts';
import type { Profile } from './profile.ts';

/** A control plane with simulated nodes, for scale tests and for trying out schedulers. */
export const fakeNodes: Profile = {
  name: 'fake-nodes',
  description: 'control plane with 10 simulated nodes whose pods run in name only (needs nothing)',
  entries: (settings) => [...controlPlane(settings), { plugin: 'runtime-fake', config: { nodes: 10 } }],
};
