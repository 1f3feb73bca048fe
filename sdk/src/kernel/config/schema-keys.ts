// Standard Schema says nothing about the keys of an object. These are the properties by which the common libraries show
// them (zod: shape, element, def; valibot: entries, item, wrapped); an unknown library gives no suggestions, nothing worse.
const wrappers = ['innerType', 'wrapped', 'schema', 'in'];
const deepestWrapping = 16;

type Indexed = Readonly<Record<string, unknown>>;

function isIndexed(value: unknown): value is Indexed {
  return (typeof value === 'object' || typeof value === 'function') && value !== null;
}

function shapeOf(schema: Indexed): Indexed | undefined {
  for (const key of ['shape', 'entries']) {
    const shape = schema[key];
    if (isIndexed(shape)) return shape;
  }
  return undefined;
}

/** Takes optional, default and the like off. */
function unwrap(schema: unknown): Indexed | undefined {
  let current = schema;
  for (let depth = 0; depth < deepestWrapping && isIndexed(current); depth++) {
    const schemaNow: Indexed = current;
    if (shapeOf(schemaNow) !== undefined) return schemaNow;
    const def = isIndexed(schemaNow['def']) ? schemaNow['def'] : schemaNow;
    const inner = wrappers.map((key) => def[key]).find(isIndexed);
    if (inner === undefined) return schemaNow;
    current = inner;
  }
  return undefined;
}

function childOf(schema: Indexed, key: PropertyKey): unknown {
  const named = shapeOf(schema)?.[String(key)];
  if (named !== undefined) return named;
  const def = isIndexed(schema['def']) ? schema['def'] : {};
  return schema['element'] ?? def['valueType'] ?? schema['item'] ?? schema['value'];
}

/** The valid keys of the object at `path` in a schema, as far as the schema shows them. */
export function keysAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  let current = unwrap(schema);
  for (const key of path) {
    if (current === undefined) return [];
    current = unwrap(childOf(current, key));
  }
  const shape = current === undefined ? undefined : shapeOf(current);
  return shape === undefined ? [] : Object.keys(shape);
}
