/** A kind of its own: lighthouses, with defaults, a check, a status and columns for kubectl. */
import { definePlugin } from '@timonel/sdk';
import { defineKind, objectSchema, resourceProvider } from '@timonel/sdk/contracts/api-server';
import { defineResource, Findings, type KubeObject } from '@timonel/sdk/kube';

interface Lighthouse extends KubeObject {
  spec: { range: number; color?: string };
  status?: { lit?: boolean };
}

const lighthouses = defineResource<Lighthouse>({
  group: 'coast.example.com',
  version: 'v1',
  kind: 'Lighthouse',
  resource: 'lighthouses',
  namespaced: true,
});

const colors = ['white', 'red', 'green'];
const schemaKey = 'com.example.coast.v1.Lighthouse';
const schema = objectSchema(lighthouses, {
  spec: {
    type: 'object',
    description: 'How it shines.',
    properties: {
      range: { type: 'integer', description: 'Nautical miles.' },
      color: { type: 'string', description: 'Of the light.', default: 'white' },
    },
    required: ['range'],
  },
  status: { type: 'object', properties: { lit: { type: 'boolean' } } },
});

const kind = defineKind<Lighthouse>({
  type: lighthouses,
  schema: schemaKey,
  shortNames: ['lh'],
  generation: true,
  status: true,
  columns: [
    { name: 'Name', type: 'string', format: 'name', description: 'Its name.', priority: 0 },
    { name: 'Range', type: 'integer', description: 'Nautical miles.', priority: 0 },
    { name: 'Lit', type: 'boolean', description: 'Whether it shines.', priority: 0 },
  ],
  strategy: {
    default({ spec }) {
      if (typeof spec === 'object') spec.color ??= 'white';
    },
    prepareForCreate(lighthouse) {
      delete lighthouse.status;
    },
    prepareForUpdate(lighthouse, old) {
      if (old.status === undefined) delete lighthouse.status;
      else lighthouse.status = old.status;
    },
    validate({ spec }) {
      const found = new Findings();
      if (typeof spec?.range !== 'number') found.required('spec.range');
      else if (spec.range < 1 || spec.range > 60) found.invalid('spec.range', spec.range, 'must be between 1 and 60');
      found.oneOf('spec.color', spec?.color, colors, 'optional');
      return found.all();
    },
    cells: ({ metadata, spec, status }) => [metadata.name ?? '', spec.range, status?.lit ?? false],
  },
});

export default definePlugin({
  name: 'kind-lighthouses',
  version: '1.0.0',
  apiVersion: 1,
  description: 'lighthouses as a kind of the API',
  provides: { resources: resourceProvider },
  setup() {
    const definitions = [kind];
    return {
      provides: { resources: { definitions: () => definitions, schemas: () => ({ [schemaKey]: schema }) } },
    };
  },
});
