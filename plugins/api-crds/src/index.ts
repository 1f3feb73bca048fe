import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { derivedKinds, resourceProvider } from '@timonel/sdk/contracts/api-server';
import { customResourceDefinitionKind } from './definition/kind.ts';
import { renaming } from './served/converter.ts';
import { derivedKindsOf } from './served/derived.ts';

/** CustomResourceDefinitions, and the kinds that they describe. */
const plugin: AnyPlugin = definePlugin({
  name: 'api-crds',
  version: '0.1.0',
  apiVersion: 1,
  description: 'CustomResourceDefinitions and the kinds that they describe',
  provides: { resources: resourceProvider, derived: derivedKinds },
  setup(ctx) {
    const definitions = [customResourceDefinitionKind(ctx.env.clock)];
    return {
      provides: {
        resources: { definitions: () => definitions, schemas: () => ({}) },
        derived: derivedKindsOf(() => renaming),
      },
    };
  },
});

export default plugin;
