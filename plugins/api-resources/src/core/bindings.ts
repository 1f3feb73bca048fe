import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { describedKind } from '../described-kind.ts';

/** The older door to pods/binding. */
export const bindingKind: ResourceDefinition = Object.freeze({
  ...describedKind({ group: '', kind: 'Binding', resource: 'bindings' }),
  postsTo: { resource: 'pods', subresource: 'binding' },
});
