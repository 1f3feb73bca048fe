/** The kinds of all definitions; those of a definition stay the same until it changes in something that matters to them. */
import type { DerivedKinds } from '@timonel/sdk/contracts/api-server';
import { customResourceDefinitions, type CustomResourceDefinition, type KubeObject } from '@timonel/sdk/kube';
import { isServed } from '../definition/kind.ts';
import { closed, kindsOf, type CustomKinds, type KindParts } from './custom-kinds.ts';

interface Kept {
  readonly of: string;
  readonly kinds: CustomKinds;
  readonly closed: CustomKinds;
}

/** What its kinds are made of. */
function essence(definition: CustomResourceDefinition): string {
  const { spec, status } = definition;
  return JSON.stringify([spec, status?.acceptedNames, isServed(definition)]);
}

function made(definition: CustomResourceDefinition, of: string, parts: KindParts): Kept {
  const kinds = kindsOf(definition, parts);
  return { of, kinds, closed: closed(kinds, definition, parts) };
}

export function derivedKindsOf(partsOf: (definition: CustomResourceDefinition) => KindParts): DerivedKinds {
  let kept = new Map<string, Kept>();
  const essences = new WeakMap<KubeObject, string>();
  const keptOf = (definition: CustomResourceDefinition): Kept => {
    const of = essences.get(definition) ?? essence(definition);
    essences.set(definition, of);
    const before = kept.get(definition.metadata.uid ?? '');
    return before?.of === of ? before : made(definition, of, partsOf(definition));
  };
  return {
    source: () => customResourceDefinitions,
    derive(objects) {
      const definitions = objects as readonly CustomResourceDefinition[];
      kept = new Map(definitions.map((definition) => [definition.metadata.uid ?? '', keptOf(definition)]));
      const all = definitions.flatMap(({ metadata }) => {
        const found = kept.get(metadata.uid ?? '');
        if (found === undefined) return [];
        return metadata.deletionTimestamp === undefined ? [found.kinds] : [found.closed];
      });
      return {
        definitions: all.flatMap((kinds) => kinds.definitions),
        schemas: Object.assign({}, ...all.map(({ schemas }) => schemas)) as CustomKinds['schemas'],
      };
    },
  };
}
