/** The parts of a pod that the standards are about, read from whatever the object holds. */
export type Json = Readonly<Record<string, unknown>>;

export interface Container {
  readonly name: string;
  readonly security: Json;
  readonly given: Json;
}

export interface PodFacts {
  readonly spec: Json;
  readonly security: Json;
  readonly containers: readonly Container[];
  readonly annotations: Json;
}

/** Where the spec of a pod stands, and what is beside it. */
export interface PodTemplate {
  readonly metadata: Json;
  readonly spec: Json;
}

export function jsonIn(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

export function itemsIn(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.map(jsonIn) : [];
}

export function factsOf({ metadata, spec }: PodTemplate): PodFacts {
  const containers = ['initContainers', 'containers', 'ephemeralContainers'].flatMap((list) => itemsIn(spec[list]));
  return {
    spec,
    annotations: jsonIn(metadata['annotations']),
    security: jsonIn(spec['securityContext']),
    containers: containers.map((given) => ({
      name: typeof given['name'] === 'string' ? given['name'] : '',
      security: jsonIn(given['securityContext']),
      given,
    })),
  };
}
